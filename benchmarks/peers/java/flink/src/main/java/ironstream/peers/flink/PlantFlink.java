package ironstream.peers.flink;

import ironstream.peers.Contract;
import ironstream.peers.plant.Rules;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple5;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * The whole pipeline in Flink: keyed by asset, so that a record is decoded once, where its state is. The argument is
 * the state backend: `hashmap` or `rocksdb`.
 */
public final class PlantFlink {
  /** Asset (the record's key), value, time of append (ms), partition, offset. */
  static final TypeInformation<Tuple5<String, byte[], Long, Integer, Long>> RAW =
      Types.TUPLE(
          Types.STRING, PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO, Types.LONG, Types.INT, Types.LONG);

  private PlantFlink() {}

  public static void main(String[] arguments) throws Exception {
    Contract contract = Contract.fromEnvironment();
    Rules rules = Rules.read(Path.of(Contract.variable("RULES_FILE")));
    StreamExecutionEnvironment environment = Runner.environment(contract, arguments[0]);
    environment
        .fromSource(Runner.source(contract, new Raw()), WatermarkStrategy.noWatermarks(), "raw")
        .keyBy(record -> record.f0, Types.STRING)
        .process(new PlantFunction(rules))
        .returns(Runner.OUTPUT)
        .sinkTo(Runner.sink(contract, Contract.variable("OUTPUT_PREFIX")));
    environment.execute(contract.applicationId());
  }

  private static final class Raw implements KafkaRecordDeserializationSchema<Tuple5<String, byte[], Long, Integer, Long>> {
    @Override
    public void deserialize(
        ConsumerRecord<byte[], byte[]> record, Collector<Tuple5<String, byte[], Long, Integer, Long>> out) {
      String asset = new String(record.key(), StandardCharsets.UTF_8);
      out.collect(Tuple5.of(asset, record.value(), record.timestamp(), record.partition(), record.offset()));
    }

    @Override
    public TypeInformation<Tuple5<String, byte[], Long, Integer, Long>> getProducedType() {
      return RAW;
    }
  }
}
