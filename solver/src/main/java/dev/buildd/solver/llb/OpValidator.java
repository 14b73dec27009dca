package dev.buildd.solver.llb;

import dev.buildd.base.error.BuildException;
import dev.buildd.proto.pb.CacheSharingOpt;
import dev.buildd.proto.pb.ExecOp;
import dev.buildd.proto.pb.FileAction;
import dev.buildd.proto.pb.Mount;
import dev.buildd.proto.pb.MountContentCache;
import dev.buildd.proto.pb.MountType;
import dev.buildd.proto.pb.NetMode;
import dev.buildd.proto.pb.Op;
import dev.buildd.proto.pb.PassthroughOp;
import dev.buildd.proto.pb.SecurityMode;

/**
 * Refuses malformed operations before anything is done with them. Every index is checked against
 * what it points into, and every enum against the values we know: an unknown one must never mean
 * "less confined" (GHSA-7236-3392-c5c6, GHSA-qx3x-mv6r-52p6).
 */
public final class OpValidator {
  private OpValidator() {}

  /** Throws {@code INVALID_ARGUMENT} that says what is wrong with the operation. */
  public static void validate(Op op) {
    int inputs = op.getInputsCount();
    switch (op.getOpCase()) {
      case SOURCE, BUILD -> {}
      case EXEC -> exec(op.getExec(), inputs);
      case FILE -> {
        check(op.getFile().getActionsCount() > 0, "invalid file op with no actions");
        for (FileAction action : op.getFile().getActionsList()) {
          int known = inputs + op.getFile().getActionsCount();
          index("input", action.getInput(), known);
          index("secondary input", action.getSecondaryInput(), known);
          check(action.getOutput() >= -1, "invalid output index " + action.getOutput());
          check(
              action.getActionCase() != FileAction.ActionCase.ACTION_NOT_SET,
              "invalid file action without a body");
        }
      }
      case MERGE ->
          op.getMerge()
              .getInputsList()
              .forEach(i ->
                  check(
                      i.getInput() >= 0 && i.getInput() < inputs,
                      "invalid merge input index " + i.getInput()));
      case DIFF -> {
        check(
            op.getDiff().hasLower() && op.getDiff().hasUpper(),
            "invalid diff op with nil lower or upper input");
        diffSide(op.getDiff().getLower().getInput(), inputs);
        diffSide(op.getDiff().getUpper().getInput(), inputs);
      }
      case PASSTHROUGH -> passthrough(op.getPassthrough(), inputs);
      case OP_NOT_SET -> throw BuildException.invalid("invalid op without a body");
    }
  }

  private static void diffSide(long input, int inputs) {
    check(input == -1 || (input >= 0 && input < inputs), "invalid diff input index " + input);
  }

  private static void index(String what, long value, int known) {
    check(
        value >= -1 && value < known,
        "invalid " + what + " index " + value + ", " + known + " provided");
  }

  private static void passthrough(PassthroughOp op, int inputs) {
    check(!op.getId().isEmpty(), "invalid passthrough op with no id");
    check(op.getOutputsCount() > 0, "invalid passthrough op with no outputs");
    for (long output : op.getOutputsList()) {
      check(
          output >= 0 && output < Math.max(1, inputs),
          "invalid passthrough output input index " + output);
    }
  }

  private static void exec(ExecOp op, int inputs) {
    check(op.hasMeta(), "invalid exec op with no meta");
    check(op.getMeta().getArgsCount() > 0, "invalid exec op with no args");
    check(op.getMountsCount() > 0, "invalid exec op with no mounts");
    check(
        op.getMountsList().stream().anyMatch(m -> m.getDest().equals("/")),
        "invalid exec op with no rootfs");
    check(op.getNetwork() != NetMode.UNRECOGNIZED, "invalid network mode " + op.getNetworkValue());
    check(
        op.getSecurity() != SecurityMode.UNRECOGNIZED,
        "invalid security mode " + op.getSecurityValue());
    for (Mount mount : op.getMountsList()) {
      mount(mount, inputs);
    }
  }

  private static void mount(Mount mount, int inputs) {
    check(
        mount.getMountType() != MountType.UNRECOGNIZED,
        "mount type " + mount.getMountTypeValue() + " not implemented");
    check(
        mount.getContentCache() != MountContentCache.UNRECOGNIZED,
        "invalid mount content cache " + mount.getContentCacheValue());
    check(
        !mount.hasCacheOpt() || mount.getCacheOpt().getSharing() != CacheSharingOpt.UNRECOGNIZED,
        "invalid cache sharing " + mount.getCacheOpt().getSharingValue());
    check(
        mount.getInput() >= -1 && mount.getInput() < inputs,
        "invalid mount input index " + mount.getInput() + ", " + inputs + " provided");
    check(mount.getOutput() >= -1, "invalid mount output index " + mount.getOutput());
    check(!mount.getDest().isEmpty(), "invalid mount with no destination");
    check(
        !mount.getDest().equals("/") || mount.getMountType() == MountType.BIND,
        "invalid mount type " + mount.getMountType() + " for /");
  }

  private static void check(boolean holds, String complaint) {
    if (!holds) {
      throw BuildException.invalid(complaint);
    }
  }
}
