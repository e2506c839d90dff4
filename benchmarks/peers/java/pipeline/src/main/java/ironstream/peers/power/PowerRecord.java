package ironstream.peers.power;

/** Theodolite's ActivePowerRecord. The identifier is the record's key. Time in ms since the epoch, power in W. */
public record PowerRecord(long timestamp, double valueInW) {}
