package ironstream.peers.plant;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.io.SerializedString;
import ironstream.peers.Json;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;

/** Outputs as JSON, with the fields of the product's. */
final class Encoder {
  private static final SerializedString SCHEMA_VERSION = new SerializedString("schema_version");
  private static final SerializedString TENANT = new SerializedString("tenant_id");
  private static final SerializedString SITE = new SerializedString("site_id");
  private static final SerializedString ASSET = new SerializedString("asset_id");
  private static final SerializedString PARAMETER = new SerializedString("parameter");
  private static final SerializedString VALUE = new SerializedString("value");
  private static final SerializedString UNIT = new SerializedString("unit");
  private static final SerializedString QUALITY = new SerializedString("quality");
  private static final SerializedString REASONS = new SerializedString("quality_reasons");
  private static final SerializedString CLASSIFICATION = new SerializedString("classification");
  private static final SerializedString TIMESTAMPS = new SerializedString("timestamps");
  private static final SerializedString DEVICE_TIME = new SerializedString("device_time");
  private static final SerializedString GATEWAY_TIME = new SerializedString("gateway_time");
  private static final SerializedString KAFKA_TIME = new SerializedString("kafka_time");
  private static final SerializedString METADATA = new SerializedString("metadata");
  private static final SerializedString PIPELINE = new SerializedString("pipeline_id");
  private static final SerializedString ADAPTER = new SerializedString("adapter_id");
  private static final SerializedString ADAPTER_VERSION = new SerializedString("adapter_version");
  private static final SerializedString HOSTNAME = new SerializedString("hostname");
  private static final SerializedString BOOT = new SerializedString("boot");
  private static final SerializedString SEQ = new SerializedString("seq");
  private static final SerializedString CLOCK_SKEW = new SerializedString("clock_skew_ms");
  private static final SerializedString TOPOLOGY = new SerializedString("topology_version");
  private static final SerializedString MACHINE_TYPE = new SerializedString("machine_type");

  private final Times times;
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream(1024);
  private long lastAppend = Reading.NONE;
  private String lastAppendText = "";

  Encoder(Times times) {
    this.times = times;
  }

  private interface Body {
    void write(JsonGenerator json) throws IOException;
  }

  private byte[] object(Reading reading, Body body) {
    bytes.reset();
    try (JsonGenerator json = Json.FACTORY.createGenerator(bytes)) {
      json.writeStartObject();
      json.writeFieldName(SCHEMA_VERSION);
      json.writeNumber(1);
      text(json, TENANT, reading.tenant);
      text(json, SITE, reading.site);
      text(json, ASSET, reading.asset);
      text(json, PARAMETER, reading.parameter);
      body.write(json);
      json.writeEndObject();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  private static void text(JsonGenerator json, SerializedString name, String text) throws IOException {
    if (text != null) {
      json.writeFieldName(name);
      json.writeString(text);
    }
  }

  byte[] clean(Reading reading, long append, Checks checks) {
    return object(
        reading,
        json -> {
          json.writeFieldName(VALUE);
          if (reading.isNull) {
            json.writeNull();
          } else {
            json.writeNumber(reading.value);
          }
          text(json, UNIT, reading.unit);
          text(json, QUALITY, checks.quality.name());
          text(json, CLASSIFICATION, reading.classification);
          json.writeFieldName(TIMESTAMPS);
          json.writeStartObject();
          text(json, DEVICE_TIME, reading.deviceText);
          text(json, GATEWAY_TIME, reading.gatewayText);
          text(json, KAFKA_TIME, appendText(append));
          json.writeEndObject();
          json.writeFieldName(METADATA);
          json.writeStartObject();
          text(json, PIPELINE, reading.pipeline);
          text(json, ADAPTER, reading.adapter);
          text(json, ADAPTER_VERSION, reading.adapterVersion);
          text(json, HOSTNAME, reading.hostname);
          text(json, BOOT, reading.boot);
          json.writeFieldName(SEQ);
          json.writeNumber(reading.seq);
          json.writeEndObject();
          reasons(json, checks.reasons());
          if (reading.deviceTime != Reading.NONE && reading.gatewayTime != Reading.NONE) {
            json.writeFieldName(CLOCK_SKEW);
            json.writeNumber((reading.gatewayTime - reading.deviceTime) / 1000);
          }
          json.writeFieldName(TOPOLOGY);
          json.writeNumber(1);
          text(json, MACHINE_TYPE, "machine");
        });
  }

  private static void reasons(JsonGenerator json, List<String> reasons) throws IOException {
    if (reasons.isEmpty()) {
      return;
    }
    json.writeFieldName(REASONS);
    json.writeStartArray();
    for (String reason : reasons) {
      json.writeString(reason);
    }
    json.writeEndArray();
  }

  /** Records of a batch were appended at the same few moments. */
  private String appendText(long append) {
    if (append != lastAppend) {
      lastAppendText = times.format(append);
      lastAppend = append;
    }
    return lastAppendText;
  }

  byte[] aggregate(Reading reading, Window window, long size) {
    long start = window.number * size;
    long end = start + size;
    return object(
        reading,
        json -> {
          text(json, UNIT, reading.unit);
          json.writeStringField("window_start", times.format(start));
          json.writeStringField("window_end", times.format(end));
          json.writeNumberField("size_s", size / 1_000_000);
          json.writeNumberField("revision", 0);
          json.writeBooleanField("final", true);
          json.writeObjectFieldStart("aggregates");
          values(json, window, end);
          json.writeEndObject();
          json.writeStringField("percentile_method", window.exact() ? "exact" : "sketch");
          json.writeObjectFieldStart("quality_summary");
          qualities(json, window.qualities);
          json.writeEndObject();
          json.writeFieldName(TOPOLOGY);
          json.writeNumber(1);
        });
  }

  private static void values(JsonGenerator json, Window window, long end) throws IOException {
    boolean some = window.count > 0;
    double[] quantiles = window.quantiles(0.50, 0.95, 0.99);
    number(json, "avg", some, window.mean);
    number(json, "min", some, window.min);
    number(json, "max", some, window.max);
    number(json, "stddev", some, Math.sqrt(window.squares / window.count));
    json.writeNumberField("count", window.count);
    number(json, "p50", some, quantiles[0]);
    number(json, "p95", some, quantiles[1]);
    number(json, "p99", some, quantiles[2]);
    number(json, "first", some, window.first);
    number(json, "last", some, window.last);
    double held = window.integral + window.last * ((end - window.lastTime) / 1e6);
    number(json, "time_weighted_avg", some, held / ((end - window.firstTime) / 1e6));
  }

  private static void number(JsonGenerator json, String name, boolean some, double value) throws IOException {
    if (some) {
      json.writeNumberField(name, value);
    } else {
      json.writeNullField(name);
    }
  }

  private static void qualities(JsonGenerator json, int[] counts) throws IOException {
    json.writeNumberField("good", counts[0]);
    json.writeNumberField("suspect", counts[1]);
    json.writeNumberField("uncertain", counts[2]);
    json.writeNumberField("bad", counts[3]);
    int all = Math.max(1, counts[0] + counts[1] + counts[2] + counts[3]);
    json.writeNumberField("pct_good", Math.round(10_000.0 * counts[0] / all) / 100.0);
  }

  byte[] condition(Reading reading, boolean active, int number, double threshold, int partition, long offset) {
    return object(
        reading,
        json -> {
          json.writeStringField("kind", "condition");
          json.writeStringField("rule_id", "too-high");
          json.writeNumberField("number", number);
          json.writeStringField("type", "high");
          json.writeStringField("severity", "HIGH");
          json.writeStringField("state", active ? "ACTIVE" : "CLEARED");
          json.writeStringField("time", times.format(reading.time()));
          json.writeStringField("message", reading.asset + ": " + reading.parameter + " is " + reading.value);
          json.writeObjectFieldStart("evidence");
          json.writeStringField("topic", "telemetry.raw");
          json.writeNumberField("partition", partition);
          json.writeNumberField("offset", offset);
          json.writeStringField("rule_id", "too-high");
          json.writeEndObject();
          json.writeNumberField("value", reading.value);
          json.writeNumberField("threshold", threshold);
          text(json, UNIT, reading.unit);
        });
  }

  byte[] gap(Reading reading, long append, long gap, long expected) {
    return object(
        reading,
        json -> {
          json.writeStringField("type", "gap");
          json.writeObjectFieldStart("timestamps");
          text(json, DEVICE_TIME, times.format(reading.time()));
          text(json, KAFKA_TIME, times.format(append));
          json.writeEndObject();
          json.writeObjectFieldStart("details");
          json.writeNumberField("expected_interval_ms", expected / 1000);
          json.writeNumberField("actual_gap_ms", gap / 1000);
          json.writeNumberField("missing_samples", gap / expected - 1);
          json.writeEndObject();
        });
  }
}
