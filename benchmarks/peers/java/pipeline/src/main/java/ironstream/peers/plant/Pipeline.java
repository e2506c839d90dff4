package ironstream.peers.plant;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * All that is done with a reading: checks, windows of all sizes, the alarm condition, and what goes out. One per
 * thread. Two things that the product does are left out: a reading for a window that has closed restates nothing, and
 * silence closes no window.
 */
public final class Pipeline {
  private static final String CLEAN = "telemetry.clean";
  private static final String EVENTS = "events.clean";
  private static final String CONDITIONS = "alarms.raw";
  private static final String DEAD_LETTERS = "dlq.invalid_telemetry";

  private final Rules rules;
  private final String[] aggregateTopics;
  private final Times times = new Times();
  private final Reading reading = new Reading(times);
  private final Encoder encoder = new Encoder(times);
  private final Checks checks;

  public Pipeline(Rules rules) {
    this.rules = rules;
    this.aggregateTopics = rules.aggregateTopics();
    this.checks = new Checks(rules);
  }

  /** One record of telemetry.raw, appended to its partition at `appendMillis`. */
  public void process(
      byte[] key, byte[] value, long appendMillis, int partition, long offset, State states, Outputs out) {
    String fault = reading.read(value);
    if (fault != null) {
      out.send(DEAD_LETTERS, key, value, "malformed");
      return;
    }
    long append = appendMillis * 1000;
    String asset = new String(key, StandardCharsets.UTF_8);
    String parameter = reading.parameter;
    SeriesState state = states.series(asset, parameter);
    if (state == null) {
      state = new SeriesState(rules.windowSizes().length);
    }
    checks.assess(reading, state, append);
    if (checks.counted) {
      long before = state.watermark;
      state.watermark = Math.max(before, reading.time());
      windows(asset, key, state, before, states, out);
      if (reading.time() >= before && checks.quality != Quality.BAD) {
        condition(key, state, partition, offset, out);
      }
    }
    if (checks.gap > 0) {
      out.send(EVENTS, key, encoder.gap(reading, append, checks.gap, rules.expectedInterval()), null);
    }
    if (checks.refused != null) {
      out.send(DEAD_LETTERS, key, value, checks.refused);
    } else if (!checks.repeated) {
      out.send(CLEAN, key, encoder.clean(reading, append, checks), null);
    }
    states.keep(asset, parameter, state);
  }

  private void windows(String asset, byte[] key, SeriesState state, long before, State states, Outputs out) {
    long number = Math.floorDiv(reading.time(), rules.windowSizes()[0]);
    long due = due(0, number);
    if (before == SeriesState.NONE || due > before) {
      windowOf(state.open, number, true).add(reading.time(), reading.value, checks.quality);
      state.due[0] = Math.min(state.due[0], due);
    }
    List<Window> closed = List.of();
    for (int size = 0; size < state.due.length; size++) {
      if (closed.isEmpty() && state.due[size] > state.watermark) {
        continue;
      }
      List<Window> open = size == 0 ? state.open : states.windows(asset, reading.parameter, size);
      if (open == null) {
        open = new ArrayList<>(2);
      }
      for (Window part : closed) {
        long start = part.number * rules.windowSizes()[size - 1];
        windowOf(open, Math.floorDiv(start, rules.windowSizes()[size]), false).merge(part);
      }
      closed = close(size, open, state);
      for (Window window : closed) {
        byte[] json = encoder.aggregate(reading, window, rules.windowSizes()[size]);
        out.send(aggregateTopics[size], key, json, null);
      }
      state.due[size] = open.isEmpty() ? Long.MAX_VALUE : due(size, open.get(0).number);
      if (size > 0) {
        states.keep(asset, reading.parameter, size, open);
      }
    }
  }

  /** When a window closes: µs of its series' watermark. */
  private long due(int size, long number) {
    return (number + 1) * rules.windowSizes()[size] + rules.windowGraces()[size];
  }

  /** Take the windows that are due out of `open`, finished. */
  private List<Window> close(int size, List<Window> open, SeriesState state) {
    int passed = 0;
    while (passed < open.size() && due(size, open.get(passed).number) <= state.watermark) {
      open.get(passed++).finish();
    }
    if (passed == 0) {
      return List.of();
    }
    List<Window> first = open.subList(0, passed);
    List<Window> closed = new ArrayList<>(first);
    first.clear();
    return closed;
  }

  private static Window windowOf(List<Window> open, long number, boolean timed) {
    int at = open.size();
    while (at > 0 && open.get(at - 1).number >= number) {
      at--;
    }
    if (at < open.size() && open.get(at).number == number) {
      return open.get(at);
    }
    Window window = new Window(number, timed);
    open.add(at, window);
    return window;
  }

  private void condition(byte[] key, SeriesState state, int partition, long offset, Outputs out) {
    double value = reading.value;
    boolean active = state.alarm ? value > rules.alarmAbove() - rules.alarmDeadband() : value > rules.alarmAbove();
    if (active == state.alarm) {
      return;
    }
    state.alarm = active;
    state.changes++;
    byte[] json = encoder.condition(reading, active, state.changes, rules.alarmAbove(), partition, offset);
    out.send(CONDITIONS, key, json, null);
  }
}
