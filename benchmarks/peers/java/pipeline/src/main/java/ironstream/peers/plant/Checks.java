package ironstream.peers.plant;

import java.util.ArrayList;
import java.util.List;

/** The quality of a reading, after the product's rules: time, repeat, gap, value, range, rate, stuck, in this order. */
final class Checks {
  private static final long FUTURE = 3_600_000_000L;
  private static final long PAST = 31 * 86_400_000_000L;
  private static final long SKEW = 5_000_000L;
  private static final int STEP_CONFIRMATIONS = 3;

  private final Rules rules;
  private final List<String> reasons = new ArrayList<>(2);

  Quality quality;
  /** Why the reading goes to the dead letters; null for one that is clean. */
  String refused;
  /** A repeat, of which nothing is left. */
  boolean repeated;
  /** Whether the state of values and windows takes it in. */
  boolean counted;
  /** µs since the reading before, where that is more than twice the expected interval; else 0. */
  long gap;

  Checks(Rules rules) {
    this.rules = rules;
  }

  List<String> reasons() {
    return reasons;
  }

  void assess(Reading reading, SeriesState state, long append) {
    reasons.clear();
    quality = reading.sentQuality;
    refused = null;
    repeated = counted = false;
    gap = 0;
    if (!time(reading, append)) {
      return;
    }
    if (reading.boot != null && !SeenRun.add(state.runs, reading.boot, reading.seq)) {
      repeated = true;
      return;
    }
    silence(reading, state);
    boolean wasBad = quality == Quality.BAD;
    if (!Double.isFinite(reading.value)) {
      worsen(Quality.BAD, "not_a_number");
      refused = reading.isNull && wasBad ? null : "not_a_number";
    } else if (wasBad) {
      refused = "device_quality";
    } else if (reading.value < rules.rangeMin() || reading.value > rules.rangeMax()) {
      worsen(Quality.BAD, "range");
      refused = "range";
    }
    counted = true;
    if (quality != Quality.BAD) {
      step(reading, state);
      held(reading, state, append);
    }
  }

  private void worsen(Quality to, String reason) {
    if (to.compareTo(quality) > 0) {
      quality = to;
    }
    reasons.add(reason);
  }

  private boolean time(Reading reading, long append) {
    boolean noDeviceTime = reading.deviceTime == Reading.NONE;
    if (noDeviceTime) {
      worsen(Quality.UNCERTAIN, "no_device_time");
    }
    long skew = (reading.gatewayTime == Reading.NONE ? append : reading.gatewayTime) - reading.time();
    if (skew < -FUTURE || skew > PAST) {
      worsen(Quality.BAD, "time_out_of_range");
      refused = "time_out_of_range";
      return false;
    }
    if (!noDeviceTime && reading.gatewayTime != Reading.NONE && Math.abs(skew) > SKEW) {
      worsen(Quality.SUSPECT, "clock_skew");
    }
    return true;
  }

  private void silence(Reading reading, SeriesState state) {
    long time = reading.time();
    if (state.heard != SeriesState.NONE && time - state.heard > 2 * rules.expectedInterval()) {
      gap = time - state.heard;
    }
    state.heard = Math.max(state.heard, time);
  }

  private void step(Reading reading, SeriesState state) {
    long time = reading.time();
    double value = reading.value;
    if (state.goodTime != SeriesState.NONE) {
      long elapsed = time - state.goodTime;
      double change = Math.abs(value - state.goodValue);
      if (change > rules.maxStep() || elapsed > 0 && change > rules.maxRate() * (elapsed / 1e6)) {
        worsen(Quality.SUSPECT, "rate_of_change");
        state.suspectSteps = Math.min(state.suspectSteps + 1, STEP_CONFIRMATIONS);
        if (state.suspectSteps == STEP_CONFIRMATIONS && elapsed >= 0) {
          state.goodValue = value;
          state.goodTime = time;
          state.suspectSteps = 0;
        }
        return;
      }
    }
    if (quality == Quality.GOOD && time > state.goodTime) {
      state.goodValue = value;
      state.goodTime = time;
    }
    state.suspectSteps = 0;
  }

  private void held(Reading reading, SeriesState state, long append) {
    if (reading.value != state.heldValue) {
      state.heldValue = reading.value;
      state.heldSince = append;
    } else if (append - state.heldSince >= rules.stuckAfter()) {
      worsen(Quality.SUSPECT, "stuck");
    }
  }
}
