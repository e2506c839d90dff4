package ironstream.peers.power;

import com.fasterxml.jackson.core.JsonGenerator;
import ironstream.peers.Json;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;

/** Count, sum, extremes, mean and population variance of a window. Welford's running moments, as Guava's Stats has. */
public final class PowerStats {
  public long count;
  public double sum;
  public double mean;
  public double squares;
  public double min = Double.POSITIVE_INFINITY;
  public double max = Double.NEGATIVE_INFINITY;

  public PowerStats add(double value) {
    count++;
    sum += value;
    double delta = value - mean;
    mean += delta / count;
    squares += delta * (value - mean);
    min = Math.min(min, value);
    max = Math.max(max, value);
    return this;
  }

  /** The result as the output topic has it; times in ms since the epoch. */
  public byte[] json(String identifier, long start, long end) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(256);
    try (JsonGenerator json = Json.FACTORY.createGenerator(bytes)) {
      json.writeStartObject();
      json.writeStringField("identifier", identifier);
      json.writeNumberField("window_start", start);
      json.writeNumberField("window_end", end);
      json.writeNumberField("count", count);
      json.writeNumberField("sum", sum);
      json.writeNumberField("mean", mean);
      json.writeNumberField("min", min);
      json.writeNumberField("max", max);
      json.writeNumberField("variance", squares / count);
      json.writeEndObject();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }
}
