package ironstream.peers.plant;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** What is known of a series, with its open windows of the finest size. Times in µs; NONE where there is none. */
public final class SeriesState {
  static final long NONE = Reading.NONE;

  final List<SeenRun> runs = new ArrayList<>(1);
  long watermark = NONE;
  long heard = NONE;
  double goodValue;
  long goodTime = NONE;
  int suspectSteps;
  double heldValue = Double.NaN;
  long heldSince = NONE;
  boolean alarm;
  int changes;
  /** When the first open window of each size is due (its end and grace), so that nothing is read before. */
  final long[] due;
  /** Open windows of the finest size, in order. */
  final List<Window> open = new ArrayList<>(4);

  SeriesState(int sizes) {
    due = new long[sizes];
    Arrays.fill(due, Long.MAX_VALUE);
  }

  void write(ByteBuffer out) {
    out.put((byte) runs.size());
    for (SeenRun run : runs) {
      run.write(out);
    }
    out.putLong(watermark);
    out.putLong(heard);
    out.putDouble(goodValue);
    out.putLong(goodTime);
    out.put((byte) suspectSteps);
    out.putDouble(heldValue);
    out.putLong(heldSince);
    out.put((byte) (alarm ? 1 : 0));
    out.putInt(changes);
    for (long one : due) {
      out.putLong(one);
    }
    Window.writeAll(open, out);
  }

  static SeriesState read(ByteBuffer in, int sizes) {
    SeriesState state = new SeriesState(sizes);
    for (int runs = in.get(); runs > 0; runs--) {
      state.runs.add(SeenRun.read(in));
    }
    state.watermark = in.getLong();
    state.heard = in.getLong();
    state.goodValue = in.getDouble();
    state.goodTime = in.getLong();
    state.suspectSteps = in.get();
    state.heldValue = in.getDouble();
    state.heldSince = in.getLong();
    state.alarm = in.get() != 0;
    state.changes = in.getInt();
    for (int size = 0; size < sizes; size++) {
      state.due[size] = in.getLong();
    }
    Window.readAll(in, state.open);
    return state;
  }
}
