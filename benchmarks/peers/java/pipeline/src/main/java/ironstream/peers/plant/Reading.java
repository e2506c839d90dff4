package ironstream.peers.plant;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import ironstream.peers.Json;
import java.io.IOException;
import java.time.DateTimeException;

/** One reading of telemetry.raw. The object is filled anew for each record; times are µs since the epoch. */
public final class Reading {
  public static final long NONE = Long.MIN_VALUE;

  public String tenant;
  public String site;
  public String asset;
  public String parameter;
  public String unit;
  public String classification;
  public Quality sentQuality;
  public double value;
  public boolean isNull;
  public String deviceText;
  public String gatewayText;
  public long deviceTime;
  public long gatewayTime;
  public String pipeline;
  public String adapter;
  public String adapterVersion;
  public String hostname;
  public String boot;
  public long seq;

  private final Times times;
  private boolean hasValue;

  public Reading(Times times) {
    this.times = times;
  }

  /** Device time, or the gateway's where there is none. */
  public long time() {
    return deviceTime != NONE ? deviceTime : gatewayTime;
  }

  /** Fill from JSON; what is wrong with it, or null. */
  public String read(byte[] json) {
    clear();
    try (JsonParser parser = Json.FACTORY.createParser(json)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        return "not an object";
      }
      for (String name = parser.nextFieldName(); name != null; name = parser.nextFieldName()) {
        field(name, parser);
      }
    } catch (IOException | DateTimeException | IllegalArgumentException e) {
      return e.getMessage();
    }
    if (asset == null || parameter == null || !hasValue) {
      return "asset_id, parameter or value is missing";
    }
    return time() == NONE ? "timestamps: neither device_time nor gateway_time" : null;
  }

  private void clear() {
    tenant = site = "default";
    asset = parameter = unit = classification = deviceText = gatewayText = null;
    pipeline = adapter = adapterVersion = hostname = boot = null;
    sentQuality = Quality.GOOD;
    value = Double.NaN;
    isNull = hasValue = false;
    deviceTime = gatewayTime = NONE;
    seq = 0;
  }

  private void field(String name, JsonParser parser) throws IOException {
    switch (name) {
      case "tenant_id" -> tenant = parser.nextTextValue();
      case "site_id" -> site = parser.nextTextValue();
      case "asset_id" -> asset = parser.nextTextValue();
      case "parameter" -> parameter = parser.nextTextValue();
      case "unit" -> unit = parser.nextTextValue();
      case "classification" -> classification = parser.nextTextValue();
      case "quality" -> {
        String text = parser.nextTextValue();
        sentQuality = text == null ? Quality.GOOD : Quality.valueOf(text);
      }
      case "value" -> value(parser);
      case "timestamps" -> timestamps(parser);
      case "metadata" -> metadata(parser);
      default -> {
        parser.nextToken();
        parser.skipChildren();
      }
    }
  }

  private void value(JsonParser parser) throws IOException {
    hasValue = true;
    switch (parser.nextToken()) {
      case VALUE_NUMBER_FLOAT, VALUE_NUMBER_INT -> value = parser.getDoubleValue();
      case VALUE_TRUE -> value = 1;
      case VALUE_FALSE -> value = 0;
      case VALUE_NULL -> isNull = true;
      default -> throw new IllegalArgumentException("value is no number");
    }
  }

  private void timestamps(JsonParser parser) throws IOException {
    parser.nextToken();
    for (String name = parser.nextFieldName(); name != null; name = parser.nextFieldName()) {
      switch (name) {
        case "device_time" -> {
          deviceText = parser.nextTextValue();
          deviceTime = deviceText == null ? NONE : times.parse(deviceText);
        }
        case "gateway_time" -> {
          gatewayText = parser.nextTextValue();
          gatewayTime = gatewayText == null ? NONE : times.parse(gatewayText);
        }
        default -> {
          parser.nextToken();
          parser.skipChildren();
        }
      }
    }
  }

  private void metadata(JsonParser parser) throws IOException {
    parser.nextToken();
    for (String name = parser.nextFieldName(); name != null; name = parser.nextFieldName()) {
      switch (name) {
        case "pipeline_id" -> pipeline = parser.nextTextValue();
        case "adapter_id" -> adapter = parser.nextTextValue();
        case "adapter_version" -> adapterVersion = parser.nextTextValue();
        case "hostname" -> hostname = parser.nextTextValue();
        case "boot" -> boot = parser.nextTextValue();
        case "seq" -> seq = parser.nextLongValue(0);
        default -> {
          parser.nextToken();
          parser.skipChildren();
        }
      }
    }
  }
}
