package ironstream.peers.streams;

import ironstream.peers.Contract;
import ironstream.peers.power.PowerDecoder;
import ironstream.peers.power.PowerRecord;
import ironstream.peers.power.PowerStats;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.Suppressed.BufferConfig;
import org.apache.kafka.streams.kstream.TimeWindowedKStream;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.state.WindowStore;

/**
 * The windowed aggregation in Kafka Streams' own language. The argument says when results leave: `caching` at each
 * commit as they then are, `suppress` once per window, when it has closed. (The emit strategy onWindowClose took more CPU
 * than `suppress`, and looks for closed windows once a second at most, at a record: the last ones never left.)
 */
public final class PowerStreams {
  private static final Duration SIZE = Duration.ofSeconds(60);

  private PowerStreams() {}

  public static void main(String[] arguments) throws Exception {
    String variant = arguments[0];
    PowerDecoder.check(Path.of(Contract.variable("SCHEMA_FILE")));
    Contract contract = Contract.fromEnvironment();
    StreamsBuilder builder = new StreamsBuilder();
    TimeWindowedKStream<String, PowerRecord> windows =
        builder.stream(
                contract.inputTopic(),
                Consumed.with(Serdes.String(), PowerSerdes.records())
                    .withTimestampExtractor((record, partitionTime) -> ((PowerRecord) record.value()).timestamp()))
            .groupByKey(Grouped.with(Serdes.String(), PowerSerdes.records()))
            .windowedBy(TimeWindows.ofSizeWithNoGrace(SIZE));
    Materialized<String, PowerStats, WindowStore<Bytes, byte[]>> store =
        Materialized.<String, PowerStats, WindowStore<Bytes, byte[]>>as("power")
            .withKeySerde(Serdes.String())
            .withValueSerde(PowerSerdes.stats())
            .withLoggingEnabled(Map.of());
    KTable<Windowed<String>, PowerStats> results =
        switch (variant) {
          case "caching" -> aggregate(windows, store.withCachingEnabled());
          case "suppress" ->
              aggregate(windows, store.withCachingEnabled())
                  .suppress(Suppressed.untilWindowCloses(BufferConfig.unbounded()));
          default -> throw new IllegalArgumentException("caching or suppress, not " + variant);
        };
    results
        .toStream()
        .map((key, stats) -> KeyValue.pair(key.key(), json(key, stats)))
        .to(Contract.variable("OUTPUT_TOPIC"), Produced.with(Serdes.String(), Serdes.ByteArray()));
    Properties settings = Runner.settings(contract);
    Runner.run(builder.build(settings), settings);
  }

  private static KTable<Windowed<String>, PowerStats> aggregate(
      TimeWindowedKStream<String, PowerRecord> windows,
      Materialized<String, PowerStats, WindowStore<Bytes, byte[]>> store) {
    return windows.aggregate(PowerStats::new, (key, record, stats) -> stats.add(record.valueInW()), store);
  }

  private static byte[] json(Windowed<String> key, PowerStats stats) {
    return stats.json(key.key(), key.window().start(), key.window().end());
  }
}
