package ironstream.peers.plant;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** State to bytes and back. */
public final class Codec {
  /** More than any row can have: four runs with all their holes, and windows of at most 256 values or a sketch. */
  private static final int MOST_BYTES = 1 << 20;

  private static final ThreadLocal<ByteBuffer> SCRATCH = ThreadLocal.withInitial(() -> ByteBuffer.allocate(MOST_BYTES));

  private Codec() {}

  public static byte[] bytes(SeriesState state) {
    return bytes(state::write);
  }

  public static byte[] bytes(List<Window> windows) {
    return bytes(out -> Window.writeAll(windows, out));
  }

  public static SeriesState series(byte[] data, int sizes) {
    return SeriesState.read(ByteBuffer.wrap(data), sizes);
  }

  public static List<Window> windows(byte[] data) {
    List<Window> windows = new ArrayList<>(4);
    Window.readAll(ByteBuffer.wrap(data), windows);
    return windows;
  }

  private static byte[] bytes(Consumer<ByteBuffer> writing) {
    ByteBuffer scratch = SCRATCH.get().clear();
    writing.accept(scratch);
    byte[] data = new byte[scratch.position()];
    scratch.get(0, data);
    return data;
  }
}
