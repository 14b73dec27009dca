package dev.buildd.daemon;

import static com.tngtech.archunit.core.domain.JavaCall.Predicates.target;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.assignableTo;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.equivalentTo;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.nameMatching;
import static com.tngtech.archunit.core.domain.properties.HasOwner.Predicates.With.owner;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import dev.buildd.solver.worker.Worker;
import java.util.concurrent.AbstractExecutorService;
import java.util.concurrent.Executors;
import java.util.regex.Pattern;

/**
 * The rules of the house (architecture, section 2), as far as Maven's modules do not make them
 * already. Constants that the compiler inlines are invisible to them.
 */
@AnalyzeClasses(
    packages = "dev.buildd",
    importOptions = {ImportOption.DoNotIncludeTests.class, ArchitectureTest.Ours.class})
final class ArchitectureTest {
  /** All but what is generated from the messages. */
  static final class Ours implements ImportOption {
    @Override
    public boolean includes(com.tngtech.archunit.core.importer.Location location) {
      return !location.contains("/dev/buildd/proto/");
    }
  }

  @ArchTest
  static final ArchRule packagesHaveNoCycles =
      slices().matching("dev.buildd.(**)").should().beFreeOfCycles();

  @ArchTest
  static final ArchRule theSolversCoreIsPure =
      classes()
          .that()
          .resideInAPackage("dev.buildd.solver.graph")
          .should()
          .onlyDependOnClassesThat()
          .resideInAnyPackage(
              "dev.buildd.solver.graph",
              "dev.buildd.cache.key",
              "dev.buildd.base..",
              "java..",
              "org.jspecify.annotations",
              "org.slf4j");

  @ArchTest
  static final ArchRule messagesStayAtTheRim =
      noClasses()
          .that()
          .resideOutsideOfPackages(
              "dev.buildd.session..", // tunnel and attachables
              "dev.buildd.llb",
              "dev.buildd.client",
              "dev.buildd.gateway",
              "dev.buildd.solver.llb",
              "dev.buildd.solver.ops",
              "dev.buildd.solver.worker", // picks the operation by the kind of its message
              "dev.buildd.daemon") // the services, and the frames of the history
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("dev.buildd.proto..", "com.google.protobuf..", "io.grpc..");

  @ArchTest
  static final ArchRule ordinaryClassesOfTheDaemonSeeNoMessages =
      noClasses()
          .that()
          .resideInAPackage("dev.buildd.daemon")
          .and()
          .haveNameMatching(".*\\.(BuilddConfig|ConfigFile|ConfigKeys|Logging|RootLock|Version)")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("dev.buildd.proto..", "com.google.protobuf..", "io.grpc..");

  // netty's event loops are no java.util.concurrent executors, and their threads are from Threads
  @ArchTest
  static final ArchRule threadsAreMadeInOnePlace =
      noClasses()
          .that()
          .resideOutsideOfPackage("dev.buildd.base.concurrent")
          .and()
          .doNotHaveSimpleName("StopHook") // the virtual machine wants a thread of its own making
          .should()
          .callCodeUnitWhere(target(owner(assignableTo(Executors.class))))
          .orShould()
          .callConstructorWhere(target(owner(assignableTo(AbstractExecutorService.class))))
          .orShould()
          .callConstructorWhere(target(owner(equivalentTo(Thread.class))))
          .orShould()
          .callMethodWhere(
              target(owner(assignableTo(Thread.class)))
                  .and(target(nameMatching("ofVirtual|ofPlatform|startVirtualThread"))));

  @ArchTest
  static final ArchRule oneClassPutsTheWorkerTogether =
      noClasses()
          .that()
          .doNotBelongToAnyOf(Daemon.class)
          .should()
          .callConstructorWhere(target(owner(assignableTo(Worker.class))));

  /** The files that these open are the daemon's own, the client's or the machine's. */
  private static final String OPENERS =
      "dev\\.buildd\\.(snapshot\\.store\\..*"
          + "|snapshot\\.Mount|snapshot\\.content\\.ContentStore.*"
          + "|session\\.auth\\.TokenSeeds|session\\.content\\.ContentProvider.*"
          + "|session\\.filesync\\.FileSendTarget.*"
          + "|snapshot\\.layer\\.ArchiveFile\\$Decompressed" // of a file that is held
          + "|solver\\.source\\.git\\.(Git|GitCheckout).*|solver\\.worker\\.MachinePlatforms"
          + "|worker\\.runc\\.(Runc|RuncExecutor|NetworkFiles|Capabilities|Seccomp|Cgroups)"
          + "|daemon\\.(ConfigFile|ContentService.*|Daemon|History|ReferencePages|RegistryHosts"
          + "|RootLock|DebugServer.*))";

  private static final Pattern FILES_OPEN =
      Pattern.compile(
          "new(Input|Output)Stream|newByteChannel|newBuffered(Reader|Writer)|newDirectoryStream"
              + "|list|walk.*|find|read(AllBytes|String|AllLines)|lines|write|writeString|copy"
              + "|mismatch");

  private static final DescribedPredicate<JavaAccess<?>> openAFileByItsPath =
      new DescribedPredicate<>("open a file by its path") {
        @Override
        public boolean test(JavaAccess<?> access) {
          String name = access.getName();
          return switch (access.getTargetOwner().getName()) {
            case "java.nio.file.Files" -> FILES_OPEN.matcher(name).matches();
            case "java.nio.channels.FileChannel", "java.nio.channels.AsynchronousFileChannel" ->
                name.equals("open");
            case "java.io.FileInputStream",
                "java.io.FileOutputStream",
                "java.io.RandomAccessFile",
                "java.io.FileReader",
                "java.io.FileWriter" ->
                name.equals("<init>");
            case "java.lang.ProcessBuilder" -> name.matches("redirect(Input|Output)");
            case "dev.buildd.base.linux.Linux" -> name.matches("open(at2)?");
            default -> false;
          };
        }
      };

  // devices, FIFOs and links of a build's trees: TreeFiles alone knows how to open among them
  @ArchTest
  static final ArchRule filesOfBuildsAreOpenedInOnePlace =
      noClasses()
          .that()
          .resideInAnyPackage(
              "dev.buildd.snapshot..",
              "dev.buildd.cache..",
              "dev.buildd.session..",
              "dev.buildd.solver..",
              "dev.buildd.worker..",
              "dev.buildd.daemon")
          .and()
          .haveNameNotMatching(OPENERS)
          .should()
          .accessTargetWhere(openAFileByItsPath);
}
