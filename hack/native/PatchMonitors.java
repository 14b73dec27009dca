import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassHierarchyResolver;
import java.lang.classfile.ClassTransform;
import java.lang.classfile.CodeElement;
import java.lang.classfile.CodeTransform;
import java.lang.classfile.instruction.InvokeInstruction;
import java.lang.constant.ClassDesc;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.jar.JarFile;
import java.util.zip.ZipEntry;

/**
 * Writes the builder's class that waits for monitors anew, with MonitorWait's methods in the place
 * of LockSupport's: {@code java PatchMonitors.java SVM-JAR DIRECTORY}. MonitorWait says why.
 */
final class PatchMonitors {
  private static final String NAME =
      "com/oracle/svm/core/monitor/JavaMonitorQueuedSynchronizer.class";
  private static final ClassDesc WAIT = ClassDesc.of("com.oracle.svm.core.monitor.MonitorWait");
  private static final String LOCK_SUPPORT = "java/util/concurrent/locks/LockSupport";

  private static int changed;

  public static void main(String[] arguments) throws IOException {
    try (JarFile jar = new JarFile(arguments[0])) {
      ClassHierarchyResolver inJar =
          ClassHierarchyResolver.ofResourceParsing(
              type -> entry(jar, type.descriptorString().replaceAll("^L|;$", "") + ".class"));
      ClassFile classes =
          ClassFile.of(
              ClassFile.ClassHierarchyResolverOption.of(
                  inJar.orElse(ClassHierarchyResolver.defaultResolver())));
      Path to = Path.of(arguments[1]).resolve(NAME);
      Files.createDirectories(to.getParent());
      Files.write(to, patched(classes, Objects.requireNonNull(entry(jar, NAME), NAME)));
    }
  }

  private static InputStream entry(JarFile jar, String name) {
    try {
      ZipEntry entry = jar.getEntry(name);
      return entry == null ? null : jar.getInputStream(entry);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static byte[] patched(ClassFile classes, InputStream content) throws IOException {
    CodeTransform code =
        (builder, element) -> {
          if (waits(element)) {
            InvokeInstruction call = (InvokeInstruction) element;
            builder.invokestatic(WAIT, call.name().stringValue(), call.typeSymbol());
            changed++;
          } else {
            builder.with(element);
          }
        };
    byte[] out =
        classes.transformClass(
            classes.parse(content.readAllBytes()), ClassTransform.transformingMethodBodies(code));
    if (changed != 2) {
      throw new IllegalStateException(
          "the builder's monitors are not those that are known: "
              + changed
              + " calls instead of 2");
    }
    return out;
  }

  private static boolean waits(CodeElement element) {
    return element instanceof InvokeInstruction call
        && call.owner().asInternalName().equals(LOCK_SUPPORT)
        && call.name().stringValue().startsWith("park");
  }
}
