package ironstream.peers;

import java.nio.file.Path;

/** What every contender is told in its environment. */
public record Contract(
    String bootstrap, String inputTopic, String applicationId, Path dataDir, int parallelism) {

  public static Contract fromEnvironment() {
    return new Contract(
        variable("BOOTSTRAP"),
        variable("INPUT_TOPIC"),
        variable("APPLICATION_ID"),
        Path.of(variable("DATA_DIR")),
        Integer.parseInt(variable("PARALLELISM")));
  }

  /** A variable that must be set. */
  public static String variable(String name) {
    String value = System.getenv(name);
    if (value == null || value.isEmpty()) {
      throw new IllegalStateException("The environment variable " + name + " is not set.");
    }
    return value;
  }
}
