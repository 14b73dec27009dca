package dev.buildd.frontend.dockerfile;

import dev.buildd.gateway.grpc.StdioFrontend;

/**
 * The Dockerfile frontend as a program of its own: what the image starts that a Dockerfile names
 * with {@code # syntax=}. It talks with the daemon over its standard input and output.
 */
public final class Main {
  private Main() {}

  public static void main(String[] args) throws InterruptedException {
    System.exit(StdioFrontend.run(new DockerfileFrontend()));
  }
}
