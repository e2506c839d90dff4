package ironstream.peers.plant;

/** Where outputs go. Topics are those of the product, without prefix. */
public interface Outputs {
  /** `reason`: why it is a dead letter, else null. */
  void send(String topic, byte[] key, byte[] value, String reason);
}
