package dev.buildd.examples.soak;

/** What is done to the daemon from outside, and how graphs show it. */
enum Fault {
  TERMINATE("SIGTERM", "#e08000"),
  KILL("kill -9", "#d00000"),
  FULL_DISK("disk full", "#8000c0"),
  CLOCK("clock moved", "#0080ff");

  private final String text;
  private final String colour;

  Fault(String text, String colour) {
    this.text = text;
    this.colour = colour;
  }

  String text() {
    return text;
  }

  String colour() {
    return colour;
  }
}
