package dev.buildd.daemon;

import static com.tngtech.archunit.core.domain.JavaCall.Predicates.target;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.assignableTo;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.equivalentTo;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.nameMatching;
import static com.tngtech.archunit.core.domain.properties.HasOwner.Predicates.With.owner;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import dev.buildd.solver.worker.Worker;
import java.util.concurrent.AbstractExecutorService;
import java.util.concurrent.Executors;

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
          .haveNameMatching(
              ".*\\.(BuilddConfig|ConfigFile|ConfigKeys|Ids|Logging|RootLock|Version)")
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
}
