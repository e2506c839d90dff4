"""XBee radios: what remote radios send becomes virtual Modbus registers, and these become readings."""
