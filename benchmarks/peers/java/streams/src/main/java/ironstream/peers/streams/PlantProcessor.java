package ironstream.peers.streams;

import ironstream.peers.plant.Outputs;
import ironstream.peers.plant.Pipeline;
import ironstream.peers.plant.Rules;
import ironstream.peers.plant.SeriesState;
import ironstream.peers.plant.State;
import ironstream.peers.plant.Window;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.processor.api.RecordMetadata;
import org.apache.kafka.streams.state.KeyValueStore;

/** The pipeline as a processor: its state in the stores of its task, each output to the sink of its topic. */
final class PlantProcessor implements Processor<byte[], byte[], byte[], byte[]>, State, Outputs {
  private final Pipeline pipeline;
  private ProcessorContext<byte[], byte[]> context;
  private KeyValueStore<String, SeriesState> series;
  private KeyValueStore<String, List<Window>> windows;
  private long appended;

  PlantProcessor(Rules rules) {
    pipeline = new Pipeline(rules);
  }

  @Override
  public void init(ProcessorContext<byte[], byte[]> context) {
    this.context = context;
    series = context.getStateStore(PlantStreams.SERIES);
    windows = context.getStateStore(PlantStreams.WINDOWS);
  }

  @Override
  public void process(Record<byte[], byte[]> record) {
    RecordMetadata from = context.recordMetadata().orElseThrow();
    appended = record.timestamp();
    pipeline.process(record.key(), record.value(), appended, from.partition(), from.offset(), this, this);
  }

  @Override
  public void send(String topic, byte[] key, byte[] value, String reason) {
    Headers headers = new RecordHeaders();
    if (reason != null) {
      headers.add("dlq-reason", reason.getBytes(StandardCharsets.UTF_8));
    }
    context.forward(new Record<>(key, value, appended, headers), topic);
  }

  @Override
  public SeriesState series(String asset, String parameter) {
    return series.get(asset + '/' + parameter);
  }

  @Override
  public void keep(String asset, String parameter, SeriesState state) {
    series.put(asset + '/' + parameter, state);
  }

  @Override
  public List<Window> windows(String asset, String parameter, int size) {
    return windows.get(asset + '/' + parameter + '/' + size);
  }

  @Override
  public void keep(String asset, String parameter, int size, List<Window> open) {
    windows.put(asset + '/' + parameter + '/' + size, open);
  }
}
