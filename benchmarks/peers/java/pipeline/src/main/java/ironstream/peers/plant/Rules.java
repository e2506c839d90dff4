package ironstream.peers.plant;

import java.io.IOException;
import java.io.Reader;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Properties;

/** The checks, windows and the alarm condition of every series: in this plant all have the same. Times in µs. */
public record Rules(
    double rangeMin,
    double rangeMax,
    double maxRate,
    double maxStep,
    long stuckAfter,
    long expectedInterval,
    long[] windowSizes,
    long[] windowGraces,
    double alarmAbove,
    double alarmDeadband)
    implements Serializable {

  /** Aggregates go to these topics, one for each window size. */
  public String[] aggregateTopics() {
    return Arrays.stream(windowSizes).mapToObj(size -> topicOf(size / 1_000_000)).toArray(String[]::new);
  }

  private static String topicOf(long seconds) {
    if (seconds % 3600 == 0) {
      return "telemetry." + seconds / 3600 + "hour";
    }
    return seconds % 60 == 0 ? "telemetry." + seconds / 60 + "min" : "telemetry." + seconds + "s";
  }

  public static Rules read(Path file) throws IOException {
    Properties given = new Properties();
    try (Reader reader = Files.newBufferedReader(file)) {
      given.load(reader);
    }
    return new Rules(
        number(given, "range_min"),
        number(given, "range_max"),
        number(given, "max_rate"),
        number(given, "max_step"),
        micros(number(given, "stuck_after_s")),
        micros(number(given, "expected_interval_s")),
        list(given, "window_sizes_s"),
        list(given, "window_graces_s"),
        number(given, "alarm_above"),
        number(given, "alarm_deadband"));
  }

  private static double number(Properties given, String name) {
    String text = given.getProperty(name);
    if (text == null) {
      throw new IllegalStateException("The rules do not say " + name + ".");
    }
    return Double.parseDouble(text);
  }

  private static long micros(double seconds) {
    return Math.round(seconds * 1e6);
  }

  private static long[] list(Properties given, String name) {
    return Arrays.stream(given.getProperty(name).split(",")).mapToLong(text -> micros(Double.parseDouble(text))).toArray();
  }
}
