package ironstream.peers.flink;

import ironstream.peers.Contract;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple4;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.CoreOptions;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.configuration.RestartStrategyOptions;
import org.apache.flink.configuration.StateBackendOptions;
import org.apache.flink.configuration.TaskManagerOptions;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.streaming.api.CheckpointingMode;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.kafka.clients.producer.ProducerRecord;

/** Flink in this process, its source and its sink, set up to be fast. */
final class Runner {
  private static final TypeInformation<byte[]> BYTES = PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO;

  /** Topic (without prefix), key, JSON, and for dead letters the reason, else empty. */
  static final TypeInformation<Tuple4<String, byte[], byte[], String>> OUTPUT =
      Types.TUPLE(Types.STRING, BYTES, BYTES, Types.STRING);

  private Runner() {}

  /** A mini cluster with checkpoints every 10 s; a failure ends the process. */
  static StreamExecutionEnvironment environment(Contract contract, String stateBackend) {
    Configuration settings = new Configuration();
    settings.set(StateBackendOptions.STATE_BACKEND, stateBackend);
    settings.set(CheckpointingOptions.CHECKPOINT_STORAGE, "filesystem");
    settings.set(
        CheckpointingOptions.CHECKPOINTS_DIRECTORY, contract.dataDir().resolve("checkpoints").toUri().toString());
    settings.set(CheckpointingOptions.INCREMENTAL_CHECKPOINTS, true);
    settings.set(CoreOptions.TMP_DIRS, contract.dataDir().toString());
    settings.set(TaskManagerOptions.NUM_TASK_SLOTS, contract.parallelism());
    settings.set(TaskManagerOptions.NETWORK_MEMORY_MIN, MemorySize.ofMebiBytes(64));
    settings.set(TaskManagerOptions.NETWORK_MEMORY_MAX, MemorySize.ofMebiBytes(64));
    settings.set(TaskManagerOptions.MANAGED_MEMORY_SIZE, MemorySize.ofMebiBytes(256));
    settings.set(RestartStrategyOptions.RESTART_STRATEGY, "none");
    StreamExecutionEnvironment environment =
        StreamExecutionEnvironment.createLocalEnvironment(contract.parallelism(), settings);
    environment.getConfig().enableObjectReuse();
    environment.enableCheckpointing(Duration.ofSeconds(10).toMillis(), CheckpointingMode.AT_LEAST_ONCE);
    return environment;
  }

  static <T> KafkaSource<T> source(Contract contract, KafkaRecordDeserializationSchema<T> decode) {
    return KafkaSource.<T>builder()
        .setBootstrapServers(contract.bootstrap())
        .setTopics(contract.inputTopic())
        .setGroupId(contract.applicationId())
        .setStartingOffsets(OffsetsInitializer.earliest())
        .setDeserializer(decode)
        .setProperty("max.poll.records", "10000")
        .setProperty("fetch.min.bytes", "65536")
        .setProperty("fetch.max.wait.ms", "100")
        .build();
  }

  /** Writes to the topics that the outputs name, after a prefix. */
  static KafkaSink<Tuple4<String, byte[], byte[], String>> sink(Contract contract, String prefix) {
    return KafkaSink.<Tuple4<String, byte[], byte[], String>>builder()
        .setBootstrapServers(contract.bootstrap())
        .setDeliveryGuarantee(DeliveryGuarantee.AT_LEAST_ONCE)
        .setRecordSerializer(new Encode(prefix))
        .setProperty("batch.size", "262144")
        .setProperty("linger.ms", "50")
        .setProperty("buffer.memory", "67108864")
        .build();
  }

  private static final class Encode implements KafkaRecordSerializationSchema<Tuple4<String, byte[], byte[], String>> {
    private final String prefix;
    private transient Map<String, String> topics;

    Encode(String prefix) {
      this.prefix = prefix;
    }

    @Override
    public ProducerRecord<byte[], byte[]> serialize(
        Tuple4<String, byte[], byte[], String> output, KafkaSinkContext context, Long time) {
      if (topics == null) {
        topics = new HashMap<>();
      }
      String topic = topics.computeIfAbsent(output.f0, name -> prefix + name);
      ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(topic, null, time, output.f1, output.f2);
      if (!output.f3.isEmpty()) {
        record.headers().add("dlq-reason", output.f3.getBytes(StandardCharsets.UTF_8));
      }
      return record;
    }
  }
}
