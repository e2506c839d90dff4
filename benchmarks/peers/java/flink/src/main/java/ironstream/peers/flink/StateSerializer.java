package ironstream.peers.flink;

import ironstream.peers.plant.Codec;
import ironstream.peers.plant.SeriesState;
import ironstream.peers.plant.Window;
import java.io.IOException;
import java.util.List;
import org.apache.flink.api.common.typeutils.SimpleTypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/** Flink's serializers of the pipeline's state, over its own codec. Copies go through bytes: state is mutable. */
abstract class StateSerializer<T> extends TypeSerializer<T> {
  abstract byte[] bytes(T state);

  abstract T of(byte[] data);

  @Override
  public void serialize(T state, DataOutputView target) throws IOException {
    byte[] data = bytes(state);
    target.writeInt(data.length);
    target.write(data);
  }

  @Override
  public T deserialize(DataInputView source) throws IOException {
    byte[] data = new byte[source.readInt()];
    source.readFully(data);
    return of(data);
  }

  @Override
  public T copy(T from) {
    return of(bytes(from));
  }

  @Override
  public boolean isImmutableType() {
    return false;
  }

  @Override
  public TypeSerializer<T> duplicate() {
    return this;
  }

  @Override
  public T copy(T from, T reuse) {
    return copy(from);
  }

  @Override
  public int getLength() {
    return -1;
  }

  @Override
  public T deserialize(T reuse, DataInputView source) throws IOException {
    return deserialize(source);
  }

  @Override
  public void copy(DataInputView source, DataOutputView target) throws IOException {
    serialize(deserialize(source), target);
  }

  @Override
  public boolean equals(Object other) {
    return other != null && other.getClass() == getClass();
  }

  @Override
  public int hashCode() {
    return getClass().hashCode();
  }

  static final class OfSeries extends StateSerializer<SeriesState> {
    private final int sizes;

    OfSeries(int sizes) {
      this.sizes = sizes;
    }

    @Override
    public SeriesState createInstance() {
      return null;
    }

    @Override
    byte[] bytes(SeriesState state) {
      return Codec.bytes(state);
    }

    @Override
    SeriesState of(byte[] data) {
      return Codec.series(data, sizes);
    }

    @Override
    public TypeSerializerSnapshot<SeriesState> snapshotConfiguration() {
      return new OfSeriesSnapshot();
    }
  }

  static final class OfWindows extends StateSerializer<List<Window>> {
    @Override
    public List<Window> createInstance() {
      return null;
    }

    @Override
    byte[] bytes(List<Window> windows) {
      return Codec.bytes(windows);
    }

    @Override
    List<Window> of(byte[] data) {
      return Codec.windows(data);
    }

    @Override
    public TypeSerializerSnapshot<List<Window>> snapshotConfiguration() {
      return new OfWindowsSnapshot();
    }
  }

  /** For four window sizes, as in this plant; a job that is restored makes its serializers anew anyway. */
  public static final class OfSeriesSnapshot extends SimpleTypeSerializerSnapshot<SeriesState> {
    public OfSeriesSnapshot() {
      super(() -> new OfSeries(4));
    }
  }

  public static final class OfWindowsSnapshot extends SimpleTypeSerializerSnapshot<List<Window>> {
    public OfWindowsSnapshot() {
      super(OfWindows::new);
    }
  }
}
