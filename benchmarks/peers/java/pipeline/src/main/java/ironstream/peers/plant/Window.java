package ironstream.peers.plant;

import com.datadoghq.sketch.ddsketch.DDSketch;
import com.datadoghq.sketch.ddsketch.DDSketches;
import com.datadoghq.sketch.ddsketch.encoding.ByteArrayInput;
import com.datadoghq.sketch.ddsketch.encoding.GrowingByteArrayOutput;
import com.datadoghq.sketch.ddsketch.store.UnboundedSizeDenseStore;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;

/**
 * An open window: moments that can be merged, and its values, one by one up to 256, in a sketch beyond. One of the
 * finest size keeps times beside its values until it closes, as they may come in any order.
 */
public final class Window {
  private static final int EXACT_VALUES = 256;
  private static final double RELATIVE_ERROR = 0.01;

  final long number;
  long count;
  double mean;
  double squares;
  double min = Double.POSITIVE_INFINITY;
  double max = Double.NEGATIVE_INFINITY;
  long firstTime = Long.MAX_VALUE;
  double first;
  long lastTime = Long.MIN_VALUE;
  double last;
  /** Of the value held from each reading to the next, in unit seconds, up to the last. */
  double integral;
  final int[] qualities = new int[4];

  private double[] values = new double[16];
  private long[] times;
  private int kept;
  private DDSketch sketch;

  Window(long number, boolean timed) {
    this.number = number;
    times = timed ? new long[16] : null;
  }

  /** A reading, in a window of the finest size. */
  void add(long time, double value, Quality quality) {
    qualities[quality.ordinal()]++;
    if (quality == Quality.BAD) {
      return;
    }
    if (times == null || kept == EXACT_VALUES) {
      // too many to keep with their times: from here on in the order in which they come
      finish();
      Window one = new Window(number, true);
      one.keep(time, value);
      one.finish();
      merge(one);
      return;
    }
    keep(time, value);
  }

  private void keep(long time, double value) {
    if (kept == values.length) {
      values = Arrays.copyOf(values, 2 * kept);
      times = Arrays.copyOf(times, 2 * kept);
    }
    times[kept] = time;
    values[kept++] = value;
  }

  /** Moments from the values in the order of time; then the times are not needed any more. */
  void finish() {
    if (times == null) {
      return;
    }
    sortByTime();
    for (int at = 0; at < kept; at++) {
      double value = values[at];
      count++;
      double distance = value - mean;
      mean += distance / count;
      squares += distance * (value - mean);
      min = Math.min(min, value);
      max = Math.max(max, value);
      if (at > 0) {
        integral += values[at - 1] * ((times[at] - times[at - 1]) / 1e6);
      }
    }
    if (kept > 0) {
      firstTime = times[0];
      first = values[0];
      lastTime = times[kept - 1];
      last = values[kept - 1];
    }
    times = null;
  }

  private void sortByTime() {
    for (int at = 1; at < kept; at++) {
      long time = times[at];
      double value = values[at];
      int to = at;
      for (; to > 0 && times[to - 1] > time; to--) {
        times[to] = times[to - 1];
        values[to] = values[to - 1];
      }
      times[to] = time;
      values[to] = value;
    }
  }

  /** Take in a finished window of a finer size. Moments: Chan et al., 1979. */
  void merge(Window part) {
    for (int code = 0; code < qualities.length; code++) {
      qualities[code] += part.qualities[code];
    }
    if (part.count == 0) {
      return;
    }
    if (count > 0) {
      boolean after = part.firstTime >= lastTime;
      integral += after ? last * ((part.firstTime - lastTime) / 1e6) : part.last * ((firstTime - part.lastTime) / 1e6);
    }
    integral += part.integral;
    long total = count + part.count;
    double delta = part.mean - mean;
    squares += part.squares + delta * delta * ((double) count * part.count / total);
    mean += delta * part.count / total;
    count = total;
    min = Math.min(min, part.min);
    max = Math.max(max, part.max);
    if (part.firstTime < firstTime) {
      firstTime = part.firstTime;
      first = part.first;
    }
    if (part.lastTime >= lastTime) {
      lastTime = part.lastTime;
      last = part.last;
    }
    mergeValues(part);
  }

  private void mergeValues(Window part) {
    if (sketch == null && part.sketch == null && kept + part.kept <= EXACT_VALUES) {
      if (values.length < kept + part.kept) {
        values = Arrays.copyOf(values, Math.max(2 * kept, kept + part.kept));
      }
      System.arraycopy(part.values, 0, values, kept, part.kept);
      kept += part.kept;
      return;
    }
    if (sketch == null) {
      sketch = DDSketches.unboundedDense(RELATIVE_ERROR);
    }
    for (int at = 0; at < kept; at++) {
      sketch.accept(values[at]);
    }
    kept = 0;
    for (int at = 0; at < part.kept; at++) {
      sketch.accept(part.values[at]);
    }
    if (part.sketch != null) {
      sketch.mergeWith(part.sketch);
    }
  }

  boolean exact() {
    return sketch == null;
  }

  /** Values at quantiles: interpolated linearly where all values are at hand. */
  double[] quantiles(double... wanted) {
    double[] found = new double[wanted.length];
    if (sketch != null) {
      for (int at = 0; at < wanted.length; at++) {
        found[at] = sketch.getValueAtQuantile(wanted[at]);
      }
      return found;
    }
    double[] ordered = Arrays.copyOf(values, kept);
    Arrays.sort(ordered);
    for (int at = 0; at < wanted.length; at++) {
      double place = wanted[at] * (kept - 1);
      int low = (int) place;
      int high = Math.min(low + 1, kept - 1);
      found[at] = kept == 0 ? Double.NaN : ordered[low] + (ordered[high] - ordered[low]) * (place - low);
    }
    return found;
  }

  static void writeAll(List<Window> windows, ByteBuffer out) {
    out.put((byte) windows.size());
    for (Window window : windows) {
      window.write(out);
    }
  }

  static void readAll(ByteBuffer in, List<Window> into) {
    for (int windows = in.get(); windows > 0; windows--) {
      into.add(read(in));
    }
  }

  private void write(ByteBuffer out) {
    out.putLong(number);
    out.put((byte) ((times != null ? 1 : 0) | (sketch != null ? 2 : 0)));
    for (int quality : qualities) {
      out.putInt(quality);
    }
    out.putShort((short) kept);
    for (int at = 0; at < kept; at++) {
      out.putDouble(values[at]);
    }
    if (times != null) {
      for (int at = 0; at < kept; at++) {
        out.putLong(times[at]);
      }
      return;
    }
    out.putLong(count);
    for (double one : new double[] {mean, squares, min, max, first, last, integral}) {
      out.putDouble(one);
    }
    out.putLong(firstTime);
    out.putLong(lastTime);
    if (sketch != null) {
      GrowingByteArrayOutput bytes = GrowingByteArrayOutput.withDefaultInitialCapacity();
      try {
        sketch.encode(bytes, false);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      out.putInt(bytes.numWrittenBytes());
      out.put(bytes.backingArray(), 0, bytes.numWrittenBytes());
    }
  }

  private static Window read(ByteBuffer in) {
    long number = in.getLong();
    int kind = in.get();
    Window window = new Window(number, false);
    for (int code = 0; code < window.qualities.length; code++) {
      window.qualities[code] = in.getInt();
    }
    window.kept = in.getShort();
    window.values = new double[Math.max(16, window.kept + 1)];
    for (int at = 0; at < window.kept; at++) {
      window.values[at] = in.getDouble();
    }
    if ((kind & 1) != 0) {
      window.times = new long[window.values.length];
      for (int at = 0; at < window.kept; at++) {
        window.times[at] = in.getLong();
      }
      return window;
    }
    window.count = in.getLong();
    window.mean = in.getDouble();
    window.squares = in.getDouble();
    window.min = in.getDouble();
    window.max = in.getDouble();
    window.first = in.getDouble();
    window.last = in.getDouble();
    window.integral = in.getDouble();
    window.firstTime = in.getLong();
    window.lastTime = in.getLong();
    if ((kind & 2) != 0) {
      byte[] bytes = new byte[in.getInt()];
      in.get(bytes);
      try {
        window.sketch = DDSketch.decode(ByteArrayInput.wrap(bytes), UnboundedSizeDenseStore::new);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    return window;
  }
}
