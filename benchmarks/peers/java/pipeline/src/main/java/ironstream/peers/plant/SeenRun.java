package ironstream.peers.plant;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Sequence numbers seen of one run of an adapter: all up to `high` but those in `holes` (first and last of each). */
final class SeenRun {
  private static final int HOLES_KEPT = 2048;
  private static final int RUNS_KEPT = 4;

  private final String boot;
  private long high;
  private final List<long[]> holes = new ArrayList<>(0);

  private SeenRun(String boot) {
    this.boot = boot;
  }

  /** Take a sequence number into the last four runs; false where it has been seen. */
  static boolean add(List<SeenRun> runs, String boot, long seq) {
    for (SeenRun run : runs) {
      if (run.boot.equals(boot)) {
        return run.add(seq);
      }
    }
    if (runs.size() == RUNS_KEPT) {
      runs.remove(0);
    }
    SeenRun run = new SeenRun(boot);
    runs.add(run);
    return run.add(seq);
  }

  private boolean add(long seq) {
    if (seq > high) {
      if (seq > high + 1) {
        if (holes.size() == HOLES_KEPT) {
          holes.remove(0);
        }
        holes.add(new long[] {high + 1, seq - 1});
      }
      high = seq;
      return true;
    }
    for (int at = holes.size() - 1; at >= 0; at--) {
      long[] hole = holes.get(at);
      if (seq >= hole[0] && seq <= hole[1]) {
        split(at, hole, seq);
        return true;
      }
    }
    return false;
  }

  private void split(int at, long[] hole, long seq) {
    holes.remove(at);
    if (seq < hole[1]) {
      holes.add(at, new long[] {seq + 1, hole[1]});
    }
    if (seq > hole[0]) {
      holes.add(at, new long[] {hole[0], seq - 1});
    }
  }

  void write(ByteBuffer out) {
    byte[] name = boot.getBytes(StandardCharsets.UTF_8);
    out.putShort((short) name.length).put(name);
    out.putLong(high);
    out.putShort((short) holes.size());
    for (long[] hole : holes) {
      out.putLong(hole[0]);
      out.putLong(hole[1]);
    }
  }

  static SeenRun read(ByteBuffer in) {
    SeenRun run = new SeenRun(text(in));
    run.high = in.getLong();
    for (int holes = in.getShort(); holes > 0; holes--) {
      run.holes.add(new long[] {in.getLong(), in.getLong()});
    }
    return run;
  }

  private static String text(ByteBuffer in) {
    byte[] bytes = new byte[in.getShort()];
    in.get(bytes);
    return new String(bytes, StandardCharsets.UTF_8);
  }
}
