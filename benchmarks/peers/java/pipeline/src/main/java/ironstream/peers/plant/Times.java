package ironstream.peers.plant;

import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDate;
import java.time.OffsetDateTime;

/** Times on the wire and µs since the epoch, both ways; the usual forms without java.time, which is slow per reading. */
public final class Times {
  private static final long DAY = 86_400_000_000L;

  private long parsedDay = Long.MIN_VALUE;
  private int parsedYear;
  private int parsedMonth;
  private int parsedDate;
  private long writtenDay = Long.MIN_VALUE;
  private String writtenDate = "";

  /** ISO-8601 with an offset, or throws DateTimeException. */
  public long parse(String text) {
    int length = text.length();
    if (length < 20 || text.charAt(length - 1) != 'Z' || text.charAt(19) != '.' && length != 20) {
      return general(text);
    }
    int year = digits(text, 0, 4);
    int month = digits(text, 5, 7);
    int date = digits(text, 8, 10);
    if (year != parsedYear || month != parsedMonth || date != parsedDate) {
      parsedDay = LocalDate.of(year, month, date).toEpochDay() * DAY;
      parsedYear = year;
      parsedMonth = month;
      parsedDate = date;
    }
    long seconds = digits(text, 11, 13) * 3600L + digits(text, 14, 16) * 60L + digits(text, 17, 19);
    long micros = 0;
    long unit = 100_000;
    for (int at = 20; at < length - 1; at++, unit /= 10) {
      micros += digits(text, at, at + 1) * unit;
    }
    return parsedDay + seconds * 1_000_000 + micros;
  }

  private static long general(String text) {
    Instant instant = OffsetDateTime.parse(text).toInstant();
    return instant.getEpochSecond() * 1_000_000 + instant.getNano() / 1000;
  }

  private static int digits(String text, int from, int to) {
    int number = 0;
    for (int at = from; at < to; at++) {
      int digit = text.charAt(at) - '0';
      if (digit < 0 || digit > 9) {
        throw new DateTimeException(text + " is not ISO-8601");
      }
      number = number * 10 + digit;
    }
    return number;
  }

  /** ISO-8601 in UTC with Z, to the ms, or to the µs where the time has any. */
  public String format(long micros) {
    long day = Math.floorDiv(micros, DAY);
    if (day != writtenDay) {
      writtenDate = LocalDate.ofEpochDay(day).toString();
      writtenDay = day;
    }
    long rest = Math.floorMod(micros, DAY);
    int fraction = (int) (rest % 1_000_000);
    int seconds = (int) (rest / 1_000_000);
    boolean toTheMilli = fraction % 1000 == 0;
    char[] text = new char[toTheMilli ? 24 : 27];
    writtenDate.getChars(0, 10, text, 0);
    text[10] = 'T';
    put(text, 11, 2, seconds / 3600);
    text[13] = ':';
    put(text, 14, 2, seconds / 60 % 60);
    text[16] = ':';
    put(text, 17, 2, seconds % 60);
    text[19] = '.';
    if (toTheMilli) {
      put(text, 20, 3, fraction / 1000);
    } else {
      put(text, 20, 6, fraction);
    }
    text[text.length - 1] = 'Z';
    return new String(text);
  }

  private static void put(char[] text, int at, int digits, int number) {
    for (int place = at + digits - 1; place >= at; place--, number /= 10) {
      text[place] = (char) ('0' + number % 10);
    }
  }
}
