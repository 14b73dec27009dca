import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Enumeration;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.Opcodes;

/**
 * Gives the classes of a jar that are in the form of Java 5 that of Java 8, in place: {@code java -cp
 * ASM RaiseClassFiles.java JAR}. The JVM keeps no classes of the old form in an AOT cache, nor any
 * of ours that extend them: a start then opens every jar of the class path, and verifies them. The
 * code of the methods stays as it is.
 */
final class RaiseClassFiles {
  private static final int JAVA_6 = 50;
  private static final String NOTE = "META-INF/CHANGED";

  public static void main(String[] arguments) throws IOException {
    Path jar = Path.of(arguments[0]);
    Path raised = Path.of(arguments[0] + ".new");
    int count = 0;
    try (JarFile in = new JarFile(jar.toFile());
        URLClassLoader classes = new URLClassLoader(new URL[] {jar.toUri().toURL()});
        ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(raised))) {
      for (Enumeration<JarEntry> entries = in.entries(); entries.hasMoreElements(); ) {
        JarEntry entry = entries.nextElement();
        byte[] content;
        try (InputStream stream = in.getInputStream(entry)) {
          content = stream.readAllBytes();
        }
        if (entry.getName().endsWith(".class") && version(content) < JAVA_6) {
          content = raised(content, classes);
          count++;
        }
        add(out, entry.getName(), entry.getTime(), content);
      }
      String note = "buildd: " + count + " classes are in the form of Java 8, nothing else changed\n";
      add(out, NOTE, 0, note.getBytes(StandardCharsets.UTF_8));
    }
    Files.move(raised, jar, StandardCopyOption.REPLACE_EXISTING);
  }

  private static int version(byte[] classFile) {
    return classFile[6] << 8 | classFile[7];
  }

  private static byte[] raised(byte[] classFile, ClassLoader classes) {
    ClassWriter writer =
        new ClassWriter(ClassWriter.COMPUTE_FRAMES) {
          @Override
          protected ClassLoader getClassLoader() {
            return classes;
          }
        };
    new ClassReader(classFile)
        .accept(
            new ClassVisitor(Opcodes.ASM9, writer) {
              @Override
              public void visit(
                  int version, int access, String name, String generic, String parent, String[] of) {
                super.visit(Opcodes.V1_8, access, name, generic, parent, of);
              }
            },
            ClassReader.SKIP_FRAMES);
    return writer.toByteArray();
  }

  private static void add(ZipOutputStream out, String name, long time, byte[] content)
      throws IOException {
    ZipEntry entry = new ZipEntry(name);
    entry.setTime(time);
    out.putNextEntry(entry);
    out.write(content);
    out.closeEntry();
  }
}
