package ironstream.peers.streams;

import ironstream.peers.Contract;
import ironstream.peers.plant.Codec;
import ironstream.peers.plant.Rules;
import ironstream.peers.plant.SeriesState;
import ironstream.peers.plant.Window;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/** The whole pipeline in Kafka Streams' Processor API: two persistent stores, cached, with changelogs. */
public final class PlantStreams {
  static final String SERIES = "series";
  static final String WINDOWS = "windows";
  private static final String[] TOPICS = {"telemetry.clean", "events.clean", "alarms.raw", "dlq.invalid_telemetry"};

  private PlantStreams() {}

  public static void main(String[] arguments) throws Exception {
    Contract contract = Contract.fromEnvironment();
    String prefix = Contract.variable("OUTPUT_PREFIX");
    Rules rules = Rules.read(Path.of(Contract.variable("RULES_FILE")));
    int sizes = rules.windowSizes().length;
    Serde<SeriesState> series =
        Serdes.serdeFrom(
            (topic, state) -> state == null ? null : Codec.bytes(state),
            (topic, data) -> data == null ? null : Codec.series(data, sizes));
    Serde<List<Window>> windows =
        Serdes.serdeFrom(
            (topic, open) -> open == null ? null : Codec.bytes(open),
            (topic, data) -> data == null ? null : Codec.windows(data));
    Topology topology = new Topology();
    topology.addSource("raw", new ByteArrayDeserializer(), new ByteArrayDeserializer(), contract.inputTopic());
    topology.addProcessor("pipeline", () -> new PlantProcessor(rules), "raw");
    topology.addStateStore(store(SERIES, series), "pipeline");
    topology.addStateStore(store(WINDOWS, windows), "pipeline");
    List<String> outputs = new ArrayList<>(List.of(TOPICS));
    outputs.addAll(Arrays.asList(rules.aggregateTopics()));
    for (String topic : outputs) {
      topology.addSink(topic, prefix + topic, new ByteArraySerializer(), new ByteArraySerializer(), "pipeline");
    }
    Runner.run(topology, Runner.settings(contract));
  }

  private static <T> StoreBuilder<KeyValueStore<String, T>> store(String name, Serde<T> values) {
    return Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(name), Serdes.String(), values)
        .withCachingEnabled()
        .withLoggingEnabled(Map.of());
  }
}
