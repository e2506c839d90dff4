package ironstream.peers.streams;

import ironstream.peers.power.PowerDecoder;
import ironstream.peers.power.PowerRecord;
import ironstream.peers.power.PowerStats;
import java.nio.ByteBuffer;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;

/** Serdes of the windowed aggregation. */
final class PowerSerdes {
  private static final int STATS_BYTES = 6 * Long.BYTES;

  private PowerSerdes() {}

  /** Records are only read. All stream threads share the serde, so each has a decoder of its own in it. */
  static Serde<PowerRecord> records() {
    ThreadLocal<PowerDecoder> decoder = ThreadLocal.withInitial(PowerDecoder::new);
    Serializer<PowerRecord> none =
        (topic, value) -> {
          throw new UnsupportedOperationException("power records are not written");
        };
    Deserializer<PowerRecord> read = (topic, data) -> decoder.get().decode(data);
    return Serdes.serdeFrom(none, read);
  }

  static Serde<PowerStats> stats() {
    Serializer<PowerStats> write =
        (topic, stats) ->
            stats == null
                ? null
                : ByteBuffer.allocate(STATS_BYTES)
                    .putLong(stats.count)
                    .putDouble(stats.sum)
                    .putDouble(stats.mean)
                    .putDouble(stats.squares)
                    .putDouble(stats.min)
                    .putDouble(stats.max)
                    .array();
    Deserializer<PowerStats> read = (topic, data) -> data == null ? null : statsOf(ByteBuffer.wrap(data));
    return Serdes.serdeFrom(write, read);
  }

  private static PowerStats statsOf(ByteBuffer data) {
    PowerStats stats = new PowerStats();
    stats.count = data.getLong();
    stats.sum = data.getDouble();
    stats.mean = data.getDouble();
    stats.squares = data.getDouble();
    stats.min = data.getDouble();
    stats.max = data.getDouble();
    return stats;
  }
}
