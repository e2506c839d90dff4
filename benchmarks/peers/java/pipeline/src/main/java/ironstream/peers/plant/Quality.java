package ironstream.peers.plant;

/** Quality of a reading; a later one is worse, and the worst one wins. */
public enum Quality {
  GOOD,
  SUSPECT,
  UNCERTAIN,
  BAD
}
