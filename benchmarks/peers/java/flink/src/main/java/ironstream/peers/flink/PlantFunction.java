package ironstream.peers.flink;

import ironstream.peers.plant.Outputs;
import ironstream.peers.plant.Pipeline;
import ironstream.peers.plant.Rules;
import ironstream.peers.plant.SeriesState;
import ironstream.peers.plant.State;
import ironstream.peers.plant.Window;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.api.java.tuple.Tuple4;
import org.apache.flink.api.java.tuple.Tuple5;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/** The pipeline with its state in Flink's: per asset a map of series, and one of their windows above the finest size. */
final class PlantFunction
    extends KeyedProcessFunction<
        String, Tuple5<String, byte[], Long, Integer, Long>, Tuple4<String, byte[], byte[], String>>
    implements State, Outputs {
  private final Rules rules;
  private transient Pipeline pipeline;
  private transient MapState<String, SeriesState> series;
  private transient MapState<String, List<Window>> windows;
  private transient Collector<Tuple4<String, byte[], byte[], String>> out;

  PlantFunction(Rules rules) {
    this.rules = rules;
  }

  @Override
  public void open(OpenContext context) {
    int sizes = rules.windowSizes().length;
    pipeline = new Pipeline(rules);
    series =
        getRuntimeContext()
            .getMapState(
                new MapStateDescriptor<>(
                    "series", StringSerializer.INSTANCE, new StateSerializer.OfSeries(sizes)));
    windows =
        getRuntimeContext()
            .getMapState(
                new MapStateDescriptor<>(
                    "windows", StringSerializer.INSTANCE, new StateSerializer.OfWindows()));
  }

  @Override
  public void processElement(
      Tuple5<String, byte[], Long, Integer, Long> record,
      Context context,
      Collector<Tuple4<String, byte[], byte[], String>> out) {
    this.out = out;
    byte[] key = record.f0.getBytes(StandardCharsets.UTF_8);
    pipeline.process(key, record.f1, record.f2, record.f3, record.f4, this, this);
  }

  @Override
  public void send(String topic, byte[] key, byte[] value, String reason) {
    out.collect(Tuple4.of(topic, key, value, reason == null ? "" : reason));
  }

  private interface Access<T> {
    T run() throws Exception;
  }

  private static <T> T unchecked(Access<T> access) {
    try {
      return access.run();
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public SeriesState series(String asset, String parameter) {
    return unchecked(() -> series.get(parameter));
  }

  @Override
  public void keep(String asset, String parameter, SeriesState state) {
    unchecked(
        () -> {
          series.put(parameter, state);
          return null;
        });
  }

  @Override
  public List<Window> windows(String asset, String parameter, int size) {
    return unchecked(() -> windows.get(parameter + '/' + size));
  }

  @Override
  public void keep(String asset, String parameter, int size, List<Window> open) {
    unchecked(
        () -> {
          windows.put(parameter + '/' + size, open);
          return null;
        });
  }
}
