package dev.buildd.buildctl;

import static com.tngtech.archunit.core.domain.JavaCall.Predicates.target;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.assignableTo;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.equivalentTo;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.nameMatching;
import static com.tngtech.archunit.core.domain.properties.HasOwner.Predicates.With.owner;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import java.util.concurrent.AbstractExecutorService;
import java.util.concurrent.Executors;

/** The rules of the house (architecture, section 2) for the command line. */
@AnalyzeClasses(
    packages = "dev.buildd.buildctl",
    importOptions = ImportOption.DoNotIncludeTests.class)
final class ArchitectureTest {
  @ArchTest
  static final ArchRule packagesHaveNoCycles =
      slices().matching("dev.buildd.(**)").should().beFreeOfCycles();

  @ArchTest
  static final ArchRule theDaemonIsOutOfSight =
      noClasses()
          .that()
          .doNotHaveSimpleName("MetadataDump") // shows the file of a daemon that has stopped
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "dev.buildd.daemon..",
              "dev.buildd.solver..",
              "dev.buildd.cache..",
              "dev.buildd.registry..",
              "dev.buildd.snapshot..",
              "dev.buildd.worker..");

  @ArchTest
  static final ArchRule threadsAreMadeInOnePlace =
      noClasses()
          .that()
          .doNotHaveSimpleName("CancelHook") // the virtual machine wants a thread of its own making
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
}
