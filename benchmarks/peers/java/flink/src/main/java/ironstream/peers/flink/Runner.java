package ironstream.peers.flink;

import ironstream.peers.Contract;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
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
  /** Key and JSON of an output. */
  static final TypeInformation<Tuple2<String, byte[]>> OUTPUT =
      Types.TUPLE(Types.STRING, PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO);

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

  static KafkaSink<Tuple2<String, byte[]>> sink(Contract contract, String topic) {
    KafkaRecordSerializationSchema<Tuple2<String, byte[]>> encode =
        (record, context, time) ->
            new ProducerRecord<>(topic, null, time, record.f0.getBytes(StandardCharsets.UTF_8), record.f1);
    return KafkaSink.<Tuple2<String, byte[]>>builder()
        .setBootstrapServers(contract.bootstrap())
        .setDeliveryGuarantee(DeliveryGuarantee.AT_LEAST_ONCE)
        .setRecordSerializer(encode)
        .setProperty("batch.size", "262144")
        .setProperty("linger.ms", "50")
        .setProperty("buffer.memory", "67108864")
        .build();
  }
}
