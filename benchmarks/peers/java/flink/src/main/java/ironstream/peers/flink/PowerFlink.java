package ironstream.peers.flink;

import ironstream.peers.Contract;
import ironstream.peers.power.PowerDecoder;
import ironstream.peers.power.PowerRecord;
import ironstream.peers.power.PowerStats;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple4;
import org.apache.flink.api.java.tuple.Tuple3;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.windowing.ProcessWindowFunction;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/** The windowed aggregation in Flink's DataStream API. The argument is the state backend: `hashmap` or `rocksdb`. */
public final class PowerFlink {
  private static final TypeInformation<PowerStats> STATS = Types.POJO(PowerStats.class);

  private PowerFlink() {}

  public static void main(String[] arguments) throws Exception {
    PowerDecoder.check(Path.of(Contract.variable("SCHEMA_FILE")));
    Contract contract = Contract.fromEnvironment();
    StreamExecutionEnvironment environment = Runner.environment(contract, arguments[0]);
    environment
        .fromSource(
            Runner.source(contract, new Decode()),
            WatermarkStrategy.<Tuple3<String, Long, Double>>forMonotonousTimestamps()
                .withTimestampAssigner((record, ofKafka) -> record.f1),
            "power")
        .keyBy(record -> record.f0, Types.STRING)
        .window(TumblingEventTimeWindows.of(Duration.ofSeconds(60)))
        .aggregate(new Aggregate(), new Result(Contract.variable("OUTPUT_TOPIC")), STATS, STATS, Runner.OUTPUT)
        .sinkTo(Runner.sink(contract, ""));
    environment.execute(contract.applicationId());
  }

  /** Identifier, time and power: tuples have Flink's fastest serializer. */
  private static final class Decode implements KafkaRecordDeserializationSchema<Tuple3<String, Long, Double>> {
    private transient PowerDecoder decoder;

    @Override
    public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<Tuple3<String, Long, Double>> out) {
      if (decoder == null) {
        decoder = new PowerDecoder();
      }
      PowerRecord power = decoder.decode(record.value());
      String identifier = new String(record.key(), StandardCharsets.UTF_8);
      out.collect(Tuple3.of(identifier, power.timestamp(), power.valueInW()));
    }

    @Override
    public TypeInformation<Tuple3<String, Long, Double>> getProducedType() {
      return Types.TUPLE(Types.STRING, Types.LONG, Types.DOUBLE);
    }
  }

  private static final class Aggregate
      implements AggregateFunction<Tuple3<String, Long, Double>, PowerStats, PowerStats> {
    @Override
    public PowerStats createAccumulator() {
      return new PowerStats();
    }

    @Override
    public PowerStats add(Tuple3<String, Long, Double> record, PowerStats stats) {
      return stats.add(record.f2);
    }

    @Override
    public PowerStats getResult(PowerStats stats) {
      return stats;
    }

    @Override
    public PowerStats merge(PowerStats a, PowerStats b) {
      throw new UnsupportedOperationException("tumbling windows are not merged");
    }
  }

  private static final class Result
      extends ProcessWindowFunction<PowerStats, Tuple4<String, byte[], byte[], String>, String, TimeWindow> {
    private final String topic;

    Result(String topic) {
      this.topic = topic;
    }

    @Override
    public void process(
        String key, Context context, Iterable<PowerStats> windows, Collector<Tuple4<String, byte[], byte[], String>> out) {
      TimeWindow window = context.window();
      byte[] json = windows.iterator().next().json(key, window.getStart(), window.getEnd());
      out.collect(Tuple4.of(topic, key.getBytes(StandardCharsets.UTF_8), json, ""));
    }
  }
}
