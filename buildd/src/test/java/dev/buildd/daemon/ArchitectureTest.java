package dev.buildd.daemon;

import static com.tngtech.archunit.core.domain.JavaCall.Predicates.target;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.assignableTo;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.equivalentTo;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideOutsideOfPackages;
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
  static final ArchRule registriesKnowNoFilesystems =
      classes()
          .that()
          .resideInAPackage("dev.buildd.registry..")
          .should()
          .onlyDependOnClassesThat()
          .resideInAnyPackage(
              "dev.buildd.registry..",
              "dev.buildd.base..",
              "java..",
              "org.jspecify.annotations",
              "org.slf4j");

  /** Where messages of the services are sent, received, or put into our own words. */
  private static final String[] RIM = {
    "dev.buildd.session..", // the tunnel and what goes through it, both ends
    "dev.buildd.client", // the client's end of the daemon's services
    "dev.buildd.gateway.grpc", // the frontend's end, and what both ends of it say
    "dev.buildd.daemon.wire",
    "dev.buildd.daemon.rpc", // the daemon's end
    "dev.buildd.daemon.otlp", // what goes to a collector of traces
    "dev.buildd.trace.otlp",
    "dev.buildd.daemon.history" // keeps its records and logs as they are handed out
  };

  /**
   * Where definitions are written or read. LLB is made of messages: their bytes, not what they say,
   * are a step's identity, so there they are kept and not put into other words.
   */
  private static final String[] LLB = {
    "dev.buildd.llb",
    "dev.buildd.solver.llb",
    "dev.buildd.solver.explain", // compares the messages of steps
    "dev.buildd.solver.ops", // of each operation its message
    "dev.buildd.solver.worker" // picks the operation by the kind of its message
  };

  @ArchTest
  static final ArchRule messagesStayAtTheRimAndInDefinitions =
      noClasses()
          .that()
          .resideOutsideOfPackages(RIM)
          .and()
          .resideOutsideOfPackages(LLB)
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("dev.buildd.proto..", "com.google.protobuf..", "com.google.rpc..");

  @ArchTest
  static final ArchRule definitionsAreMadeOfTheirOwnMessagesOnly =
      noClasses()
          .that()
          .resideInAnyPackage(LLB)
          .should()
          .dependOnClassesThat(
              resideInAPackage("dev.buildd.proto..")
                  .and(
                      resideOutsideOfPackages("dev.buildd.proto.pb", "dev.buildd.proto.encoding")));

  @ArchTest
  static final ArchRule callsStayAtTheRim =
      noClasses()
          .that()
          .resideOutsideOfPackages(RIM)
          .and()
          .doNotBelongToAnyOf( // which serve what the rim defines
              Daemon.class, Listener.class, TraceSocket.class)
          .should()
          .dependOnClassesThat()
          .resideInAPackage("io.grpc..");

  // netty's event loops are no java.util.concurrent executors, and their threads are from Threads
  @ArchTest
  static final ArchRule threadsAreMadeInOnePlace =
      noClasses()
          .that()
          .resideOutsideOfPackage("dev.buildd.base.concurrent")
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
          + "|snapshot\\.Mount|snapshot\\.content\\.LocalContentStore.*"
          + "|session\\.auth\\.TokenSeeds|session\\.ssh\\.SshAgent|session\\.content\\.ContentProvider.*"
          + "|session\\.filesync\\.FileSendTarget.*"
          + "|snapshot\\.layer\\.ArchiveFile\\$Decompressed" // of a file that is held
          + "|solver\\.source\\.git\\.(Git|GitCheckout|RemoteAccess).*|solver\\.worker\\.MachinePlatforms|solver\\.graph\\.KeptOutput"
          + "|worker\\.runc\\.(Runc|RuncContainer|RuncExecutor|NetworkFiles|LinuxCapabilities|Seccomp|Cgroups|CgroupRoot)"
          + "|daemon\\.(ConfigFile|Daemon|PassedChannel|ReferencePages|RegistryHosts|RootLock|DebugPages.*|ThreadDump"
          + "|metrics\\.ProcessMetrics|history\\.(History|HistoryBlobs|HistoryLog)|rpc\\.ContentService.*))";

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
              "dev.buildd.registry..",
              "dev.buildd.session..",
              "dev.buildd.solver..",
              "dev.buildd.worker..",
              "dev.buildd.daemon..")
          .and()
          .haveNameNotMatching(OPENERS)
          .should()
          .accessTargetWhere(openAFileByItsPath);
}
