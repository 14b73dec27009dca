package dev.buildd.llb;

import dev.buildd.proto.pb.CDIDevice;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** What has been said of a step that runs a command; filled by options. */
public final class RunSpec {
  State state;
  final Constraints constraints = new Constraints();
  final List<MountRequest> mounts = new ArrayList<>();
  final List<Secret> secrets = new ArrayList<>();
  final List<Ssh> ssh = new ArrayList<>();
  final List<CDIDevice> devices = new ArrayList<>();
  boolean readonlyRootFs;
  Optional<ProxyVariables> proxy = Optional.empty();

  record MountRequest(String target, State source, List<MountOption> options) {}

  RunSpec(State state) {
    this.state = state;
  }

  /** A secret as a file, a variable of the environment, or both. */
  public static final class Secret {
    String id;
    Optional<String> target;
    Optional<String> environment = Optional.empty();
    int uid;
    int gid;
    int mode = 0400;
    boolean optional;

    Secret(String id, Optional<String> target) {
      this.id = id;
      this.target = target;
    }
  }

  /** A forwarded SSH agent. */
  public static final class Ssh {
    String id = "";
    String target = "";
    int uid;
    int gid;
    int mode = 0600;
    boolean optional;

    Ssh() {}
  }
}
