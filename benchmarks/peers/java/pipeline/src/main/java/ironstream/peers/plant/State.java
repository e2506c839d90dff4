package ironstream.peers.plant;

import java.util.List;

/** Where a system keeps what is known of a series: named by the key of its asset and its parameter. */
public interface State {
  /** State of a series, or null for a new one. */
  SeriesState series(String asset, String parameter);

  void keep(String asset, String parameter, SeriesState state);

  /** Open windows of a size above the finest, in order; null where there are none. */
  List<Window> windows(String asset, String parameter, int size);

  void keep(String asset, String parameter, int size, List<Window> windows);
}
