package ironstream.peers.plant;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class PipelineTest {
  private static final long START = 1_700_002_800_000_000L;
  private static final long TENTH = 100_000L;
  private static final byte[] KEY = "acme/bench/machine-1".getBytes(StandardCharsets.UTF_8);
  private static final Rules RULES =
      new Rules(
          0, 100, 110, 45, 60_000_000L, TENTH,
          new long[] {1_000_000L, 10_000_000L, 60_000_000L, 3_600_000_000L},
          new long[] {2_000_000L, 5_000_000L, 10_000_000L, 60_000_000L},
          69, 4);

  private final List<String> sent = new ArrayList<>();

  /** State as objects, or through the codec at every step as a store does it. */
  private static final class Memory implements State {
    private final boolean encoded;
    private final Map<String, Object> kept = new HashMap<>();

    Memory(boolean encoded) {
      this.encoded = encoded;
    }

    @Override
    public SeriesState series(String asset, String parameter) {
      Object found = kept.get(parameter);
      return found instanceof byte[] data ? Codec.series(data, 4) : (SeriesState) found;
    }

    @Override
    public void keep(String asset, String parameter, SeriesState state) {
      kept.put(parameter, encoded ? Codec.bytes(state) : state);
    }

    @Override
    @SuppressWarnings("unchecked")
    public List<Window> windows(String asset, String parameter, int size) {
      Object found = kept.get(parameter + size);
      return found instanceof byte[] data ? Codec.windows(data) : (List<Window>) found;
    }

    @Override
    public void keep(String asset, String parameter, int size, List<Window> windows) {
      kept.put(parameter + size, encoded ? Codec.bytes(windows) : windows);
    }
  }

  private final Pipeline pipeline = new Pipeline(RULES);
  private State state = new Memory(false);
  private long offset;

  private void read(String json, long append) {
    pipeline.process(
        KEY, json.getBytes(StandardCharsets.UTF_8), append / 1000, 3, offset++, state,
        (topic, key, value, reason) ->
            sent.add(topic + " " + (reason == null ? new String(value, StandardCharsets.UTF_8) : reason)));
  }

  private static String json(String value, long time, long gatewayTime, long seq) {
    Times times = new Times();
    return ("{\"schema_version\":1,\"tenant_id\":\"acme\",\"site_id\":\"bench\",\"asset_id\":\"machine-1\","
            + "\"parameter\":\"p0\",\"value\":%s,\"unit\":\"bar\",\"quality\":\"GOOD\",\"unknown\":[1,{}],"
            + "\"timestamps\":{\"device_time\":\"%s\",\"gateway_time\":\"%s\"},"
            + "\"metadata\":{\"boot\":\"b\",\"seq\":%d}}")
        .formatted(value, times.format(time), times.format(gatewayTime), seq);
  }

  private void reading(double value, long time, long seq) {
    read(json(Double.toString(value), time, time + 3000, seq), START);
  }

  private Stream<String> on(String topic) {
    return sent.stream().filter(one -> one.startsWith(topic + " "));
  }

  @Test
  void aRepeatLeavesNothing() {
    reading(50, START, 1);
    reading(51, START + TENTH, 3);
    reading(50, START, 1);
    reading(51, START + TENTH, 3);
    assertEquals(2, sent.size());
    reading(50.5, START + TENTH / 2, 2);
    reading(50.5, START + TENTH / 2, 2);
    assertEquals(3, on("telemetry.clean").count());
    assertEquals(3, sent.size());
  }

  @Test
  void aValueOutOfRangeIsADeadLetterAndCountsInItsWindow() {
    reading(50, START, 1);
    reading(100.5, START + TENTH, 2);
    reading(50, START + 30 * TENTH, 3);
    assertTrue(sent.contains("dlq.invalid_telemetry range"));
    String window = on("telemetry.1s").findFirst().orElseThrow();
    assertTrue(window.contains("\"count\":1,"), window);
    assertTrue(window.contains("\"bad\":1,\"pct_good\":50.0"), window);
  }

  @Test
  void aValueThatChangesTooFastIsSuspectUntilTheNewLevelIsConfirmed() {
    double[] values = {10, 10.1, 90, 90.1, 90.2, 90.3};
    for (int at = 0; at < values.length; at++) {
      reading(values[at], START + at * TENTH, at + 1);
    }
    List<Boolean> suspect = on("telemetry.clean").map(one -> one.contains("[\"rate_of_change\"]")).toList();
    assertEquals(List.of(false, false, true, true, true, false), suspect);
  }

  @Test
  void aValueThatIsHeldTooLongByTheLogsClockIsStuck() {
    read(json("5.0", START, START, 1), START);
    read(json("5.0", START + TENTH, START, 2), START + 59_999_000L);
    read(json("5.0", START + 2 * TENTH, START, 3), START + 60_000_000L);
    List<Boolean> stuck = on("telemetry.clean").map(one -> one.contains("[\"stuck\"]")).toList();
    assertEquals(List.of(false, false, true), stuck);
  }

  @Test
  void silenceOfMoreThanTwoIntervalsIsAGap() {
    reading(5, START, 1);
    reading(5.1, START + 2 * TENTH, 2);
    reading(5.2, START + 5 * TENTH, 3);
    assertEquals(1, on("events.clean").count());
    String gap = on("events.clean").findFirst().orElseThrow();
    assertTrue(gap.contains("\"actual_gap_ms\":300,\"missing_samples\":2"), gap);
  }

  @Test
  void clocksThatDifferMakeAReadingSuspectOrBad() {
    read(json("5.0", START, START + 6_000_000L, 1), START);
    read(json("5.0", START, START - 3_600_000_001L, 2), START);
    assertTrue(on("telemetry.clean").findFirst().orElseThrow().contains("[\"clock_skew\"]"));
    assertTrue(sent.contains("dlq.invalid_telemetry time_out_of_range"));
  }

  @Test
  void whatIsNoReadingIsADeadLetter() {
    for (String bad : List.of("{", "[]", "{\"asset_id\":\"a\"}", json("\"x\"", START, START, 1))) {
      read(bad, START);
    }
    read(json("null", START, START, 1), START);
    assertEquals(4, sent.stream().filter("dlq.invalid_telemetry malformed"::equals).count());
    assertEquals("dlq.invalid_telemetry not_a_number", sent.get(4));
  }

  @Test
  void aConditionComesAndGoesWithItsDeadband() {
    double[] values = {68, 69.5, 66, 65.5, 64.9, 66};
    for (int at = 0; at < values.length; at++) {
      reading(values[at], START + at * TENTH, at + 1);
    }
    List<Boolean> raised = on("alarms.raw").map(one -> one.contains("ACTIVE")).toList();
    assertEquals(List.of(true, false), raised);
    assertTrue(on("alarms.raw").findFirst().orElseThrow().contains("\"partition\":3,\"offset\":1"));
  }

  @Test
  void theOrderOfArrivalWithinTheGraceLeavesNoTraceInWindows() {
    for (int at = 0; at < 1000; at++) {
      reading(40 + at % 7, START + at * TENTH, at + 1);
    }
    List<String> windows = sent.stream().filter(one -> one.startsWith("telemetry.1")).toList();
    sent.clear();
    state = new Memory(false);
    for (int at = 0; at < 1000; at++) {
      int swapped = at % 10 < 5 ? at + 5 : at - 5;
      reading(40 + swapped % 7, START + swapped * TENTH, swapped + 1);
    }
    List<String> disordered = sent.stream().filter(one -> one.startsWith("telemetry.1")).toList();
    assertEquals(windows, disordered);
    assertEquals(97, windows.stream().filter(one -> one.startsWith("telemetry.1s ")).count());
    assertEquals(1, windows.stream().filter(one -> one.startsWith("telemetry.1min ")).count());
  }

  @Test
  void stateInAStoreGivesTheSameOutputsAsStateInMemory() {
    Random random = new Random(7);
    List<String> records = new ArrayList<>();
    for (int at = 0; at < 40_000; at++) {
      long seq = Math.max(1, at + 1 - (random.nextInt(10) == 0 ? random.nextInt(12) : 0));
      double value = random.nextInt(500) == 0 ? 150 : 50 + 25 * Math.sin(at / 100.0) + random.nextDouble();
      records.add(json(Double.toString(value), START + seq * TENTH, START + seq * TENTH, seq));
    }
    records.add(json("50.0", START + 3 * 3_600_000_000L, START + 3 * 3_600_000_000L, 40_001));
    records.forEach(record -> read(record, START));
    List<String> inMemory = List.copyOf(sent);
    sent.clear();
    offset = 0;
    state = new Memory(true);
    records.forEach(record -> read(record, START));
    assertEquals(inMemory, sent);
    assertEquals(2, on("telemetry.1hour").count());
    assertTrue(on("telemetry.1hour").allMatch(one -> one.contains("\"sketch\"")));
  }
}
