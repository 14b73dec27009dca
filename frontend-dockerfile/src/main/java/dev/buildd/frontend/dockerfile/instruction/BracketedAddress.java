package dev.buildd.frontend.dockerfile.instruction;

/** Addresses in brackets, as Go splits them from the port that follows. */
final class BracketedAddress {
  private BracketedAddress() {}

  /** What Go finds wrong with the brackets; empty if nothing. */
  static String fault(String address) {
    String shown = "address " + address + ":: ";
    int end = address.indexOf(']');
    if (end < 0) {
      return shown + "missing ']' in address";
    }
    if (end + 1 < address.length()) {
      return shown
          + (address.charAt(end + 1) == ':'
              ? "too many colons in address"
              : "missing port in address");
    }
    return address.indexOf('[', 1) >= 0 ? shown + "unexpected '[' in address" : "";
  }
}
