package dev.buildd.frontend.dockerfile.lint;

import dev.buildd.frontend.dockerfile.source.Suggestions;
import java.util.Collection;

/** What each rule says of a case (dockerfile.md section 7.1). */
public final class Violations {
  private Violations() {}

  public static Violation stageNameCasing(String name) {
    return new Violation(Rule.STAGE_NAME_CASING, "Stage name '" + name + "' should be lowercase");
  }

  public static Violation fromAsCasing(String from, String as) {
    return new Violation(
        Rule.FROM_AS_CASING, "'" + as + "' and '" + from + "' keywords' casing do not match");
  }

  public static Violation noEmptyContinuation() {
    return new Violation(Rule.NO_EMPTY_CONTINUATION, "Empty continuation line");
  }

  /**
   * @param majority {@code lowercase} or {@code uppercase}
   */
  public static Violation consistentInstructionCasing(String keyword, String majority) {
    return new Violation(
        Rule.CONSISTENT_INSTRUCTION_CASING,
        "Command '"
            + keyword
            + "' should match the case of the command majority ("
            + majority
            + ")");
  }

  public static Violation duplicateStageName(String name) {
    return new Violation(
        Rule.DUPLICATE_STAGE_NAME,
        "Duplicate stage name \"" + name + "\", stage names should be unique");
  }

  public static Violation reservedStageName(String name) {
    return new Violation(
        Rule.RESERVED_STAGE_NAME,
        "Stage name should not use the same name as reserved stage \"" + name + "\"");
  }

  public static Violation jsonArgsRecommended(String keyword) {
    return new Violation(
        Rule.JSON_ARGS_RECOMMENDED,
        "JSON arguments recommended for "
            + keyword
            + " to prevent unintended behavior related to OS signals");
  }

  public static Violation maintainerDeprecated() {
    return new Violation(
        Rule.MAINTAINER_DEPRECATED, "Maintainer instruction is deprecated in favor of using label");
  }

  /**
   * @param declared the names that could have been meant
   */
  public static Violation undefinedArgInFrom(String name, Collection<String> declared) {
    return new Violation(
        Rule.UNDEFINED_ARG_IN_FROM,
        "FROM argument '" + name + "' is not declared" + Suggestions.hint(name, declared));
  }

  public static Violation workdirRelativePath(String path) {
    return new Violation(
        Rule.WORKDIR_RELATIVE_PATH,
        "Relative workdir \"" + path + "\" can have unexpected results if the base image changes");
  }

  /**
   * @param set the names that could have been meant
   */
  public static Violation undefinedVar(String name, Collection<String> set) {
    String hint =
        Suggestions.nearest(name, set).map(near -> " (did you mean $" + near + "?)").orElse("");
    return new Violation(Rule.UNDEFINED_VAR, "Usage of undefined variable '$" + name + "'" + hint);
  }

  public static Violation multipleInstructionsDisallowed(String keyword) {
    return new Violation(
        Rule.MULTIPLE_INSTRUCTIONS_DISALLOWED,
        "Multiple "
            + keyword
            + " instructions should not be used in the same stage because only the last one will"
            + " be used");
  }

  public static Violation legacyKeyValueFormat(String keyword) {
    return new Violation(
        Rule.LEGACY_KEY_VALUE_FORMAT,
        "\""
            + keyword
            + " key=value\" should be used instead of legacy \""
            + keyword
            + " key value\" format");
  }

  public static Violation invalidBaseImagePlatform(String image, String actual, String expected) {
    return new Violation(
        Rule.INVALID_BASE_IMAGE_PLATFORM,
        "Base image "
            + image
            + " was pulled with platform \""
            + actual
            + "\", expected \""
            + expected
            + "\" for current build");
  }

  public static Violation redundantTargetPlatform(String asWritten) {
    return new Violation(
        Rule.REDUNDANT_TARGET_PLATFORM,
        "Setting platform to predefined "
            + asWritten
            + " in FROM is redundant as this is the default behavior");
  }

  /**
   * @param keyword {@code ARG} or {@code ENV}
   */
  public static Violation secretsUsedInArgOrEnv(String keyword, String key) {
    return new Violation(
        Rule.SECRETS_USED_IN_ARG_OR_ENV,
        "Do not use ARG or ENV instructions for sensitive data (" + keyword + " \"" + key + "\")");
  }

  public static Violation invalidDefaultArgInFrom(String baseAsWritten) {
    return new Violation(
        Rule.INVALID_DEFAULT_ARG_IN_FROM,
        "Default value for ARG " + baseAsWritten + " results in empty or invalid base image name");
  }

  public static Violation fromPlatformFlagConstDisallowed(String platform) {
    return new Violation(
        Rule.FROM_PLATFORM_FLAG_CONST_DISALLOWED,
        "FROM --platform flag should not use constant value \"" + platform + "\"");
  }

  /**
   * @param verb {@code Copy} or {@code Add}
   */
  public static Violation copyIgnoredFile(String verb, String path) {
    return new Violation(
        Rule.COPY_IGNORED_FILE,
        "Attempting to " + verb + " file \"" + path + "\" that is excluded by .dockerignore");
  }

  /**
   * @param keyword {@code ARG} or {@code FROM}
   */
  public static Violation invalidDefinitionDescription(String keyword, String name) {
    return new Violation(
        Rule.INVALID_DEFINITION_DESCRIPTION,
        "Comment for " + keyword + " should follow the format: `# " + name + " <description>`");
  }

  public static Violation exposeProtoCasing(String port) {
    return new Violation(
        Rule.EXPOSE_PROTO_CASING,
        "Defined protocol '" + port + "' in EXPOSE instruction should be lowercase");
  }

  public static Violation exposeInvalidFormat(String port) {
    return new Violation(
        Rule.EXPOSE_INVALID_FORMAT,
        "EXPOSE instruction should not define an IP address or host-port mapping, found '"
            + port
            + "'");
  }
}
