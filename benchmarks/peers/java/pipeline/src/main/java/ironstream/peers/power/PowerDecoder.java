package ironstream.peers.power;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import org.apache.avro.Schema;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.util.Utf8;

/**
 * Bytes in Confluent framing to a PowerRecord, by Avro's own binary decoder and field by field: what generated code
 * does, without a datum reader between. Not for several threads at once.
 */
public final class PowerDecoder {
  private static final int HEADER = 5;
  private static final List<Schema.Type> TYPES =
      List.of(Schema.Type.STRING, Schema.Type.LONG, Schema.Type.DOUBLE);

  private BinaryDecoder decoder;
  private final Utf8 identifier = new Utf8();

  /** Fails unless the schema in the file has the fields that `decode` reads, in this order. */
  public static void check(Path schemaFile) throws IOException {
    Schema schema = new Schema.Parser().parse(schemaFile.toFile());
    List<Schema.Type> types = schema.getFields().stream().map(field -> field.schema().getType()).toList();
    if (!types.equals(TYPES)) {
      throw new IllegalStateException(schemaFile + " is not the schema of an ActivePowerRecord: " + types);
    }
  }

  public PowerRecord decode(byte[] data) {
    if (data.length < HEADER || data[0] != 0) {
      throw new IllegalArgumentException("not in Confluent framing");
    }
    try {
      decoder = DecoderFactory.get().binaryDecoder(data, HEADER, data.length - HEADER, decoder);
      decoder.readString(identifier);
      return new PowerRecord(decoder.readLong(), decoder.readDouble());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
