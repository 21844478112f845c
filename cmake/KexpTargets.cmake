# Our compile flags, and the functions that make a library or a test of ours.

add_library(kexp_build_options INTERFACE)
add_library(kexp::build_options ALIAS kexp_build_options)
target_compile_options(kexp_build_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor
  -Wold-style-cast -Woverloaded-virtual
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict;-Wno-stringop-overflow;-Wno-array-bounds>  # false alarms of GCC 12 on std::string
  -ffp-contract=off  # a plan has the same hash on every machine
  $<$<CXX_COMPILER_ID:GNU>:--param=ggc-min-heapsize=524288>  # KiB before it collects garbage: a twentieth of its time
  $<$<BOOL:${KEXP_WERROR}>:-Werror>)
target_link_options(kexp_build_options INTERFACE -Wl,--build-id)  # what an engine's cache is keyed by
if(KEXP_SANITIZE)
  # A quarter of the compile time: the checks of pointers are for libraries that decode what strangers wrote.
  target_compile_options(kexp_build_options INTERFACE
    -fsanitize=${KEXP_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all
    $<$<NOT:$<BOOL:$<TARGET_PROPERTY:KEXP_UNTRUSTED_INPUT>>>:-fno-sanitize=null,alignment,vptr>
    # False alarms of GCC 12 on instrumented code; the other presets keep this warning.
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(kexp_build_options INTERFACE -fsanitize=${KEXP_SANITIZE})
endif()

# A test is compiled more often than it is run; what it tests is optimized.
set(KEXP_TEST_OPTIONS $<$<CONFIG:Release>:-O0>)

# Two precompiled headers, each made once: of std and fmt for every target of ours, of GoogleTest besides for tests.
# They are compiled with -fPIC, so everybody is: an executable's -fPIE would not match.
function(kexp_make_pch name)
  add_library(${name} OBJECT ${PROJECT_SOURCE_DIR}/cmake/pch.cpp)
  target_link_libraries(${name} PRIVATE kexp::build_options fmt::fmt)
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_precompile_headers(${name} PRIVATE
    <algorithm> <chrono> <cstdint> <filesystem> <functional> <map> <memory> <mutex> <optional> <span>
    <stop_token> <string> <string_view> <thread> <unordered_map> <utility> <variant> <vector>
    <fmt/format.h> ${ARGN})
endfunction()

# Makes a target of ours reuse one.
function(kexp_reuse_pch target)
  set(pch ${ARGN})
  if(NOT pch)
    set(pch kexp_pch)
  endif()
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${target} PRIVATE -fPIC)
  target_precompile_headers(${target} REUSE_FROM ${pch})
endfunction()

# kexp_add_library(cycle SOURCES … PUBLIC kexp::core PRIVATE …) makes kexp::cycle from
# include/kexp/cycle and src/cycle. UNTRUSTED_INPUT: it decodes what strangers wrote, so all of UBSan's checks are worth
# their price.
function(kexp_add_library name)
  cmake_parse_arguments(ARG "UNTRUSTED_INPUT" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(kexp_${name} STATIC ${ARG_SOURCES})
  add_library(kexp::${name} ALIAS kexp_${name})
  target_include_directories(kexp_${name} PUBLIC ${PROJECT_SOURCE_DIR}/include
                                          PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_compile_features(kexp_${name} PUBLIC cxx_std_20)
  target_link_libraries(kexp_${name} PUBLIC ${ARG_PUBLIC} PRIVATE kexp::build_options fmt::fmt ${ARG_PRIVATE})
  set_property(TARGET kexp_${name} PROPERTY KEXP_UNTRUSTED_INPUT ${ARG_UNTRUSTED_INPUT})
  kexp_reuse_pch(kexp_${name})
endfunction()

# kexp_add_test(cycle LABEL unit SOURCES … LINK kexp::cycle) makes the test program cycle_test and
# registers each of its cases; of a unit test under a sanitizer, the program as a whole. A unit test links
# only the library that it tests.
function(kexp_add_test name)
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "SOURCES;LINK" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  add_executable(${name}_test ${ARG_SOURCES})
  target_link_libraries(${name}_test PRIVATE ${ARG_LINK} kexp::build_options fmt::fmt GTest::gmock_main)
  target_include_directories(${name}_test PRIVATE ${PROJECT_SOURCE_DIR}/tests ${PROJECT_SOURCE_DIR}/include)
  target_compile_definitions(${name}_test PRIVATE KEXP_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  kexp_reuse_pch(${name}_test kexp_test_pch)
  target_compile_options(${name}_test PRIVATE ${KEXP_TEST_OPTIONS})
  if(KEXP_TEST_LAUNCHER)
    set_target_properties(${name}_test PROPERTIES CROSSCOMPILING_EMULATOR "${KEXP_TEST_LAUNCHER}")
  endif()
  if(ARG_LABEL MATCHES "^(unit|component)$")
    add_dependencies(kexp_${ARG_LABEL}_tests ${name}_test)
  endif()
  set(environment)
  if(KEXP_SANITIZE)
    set(environment ENVIRONMENT
      LSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/support/leaks-of-others.txt:print_suppressions=0)
  endif()
  if(KEXP_SANITIZE AND ARG_LABEL STREQUAL "unit")  # starting an instrumented program takes longer than most cases
    add_test(NAME ${ARG_LABEL}.${name} COMMAND ${name}_test)
    set_tests_properties(${ARG_LABEL}.${name} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT 600 ${environment})
    return()
  endif()
  gtest_discover_tests(${name}_test TEST_PREFIX ${ARG_LABEL}.${name}. DISCOVERY_TIMEOUT 60 NO_PRETTY_VALUES
    PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT} SKIP_REGULAR_EXPRESSION "\\[  SKIPPED \\]" ${environment})
endfunction()

# kexp_add_script_test(local_stack LABEL integration TIMEOUT 300) runs tests/<label>/<name>_test.py
# with the built binary; it exits with 77 to be skipped. COST: about its seconds beside others, if they are many: the longest start first.
function(kexp_add_script_test name)
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT;PROCESSORS;COST" "" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  if(NOT ARG_PROCESSORS)
    set(ARG_PROCESSORS 1)
  endif()
  if(NOT ARG_COST)
    set(ARG_COST 0)
  endif()
  add_test(NAME ${ARG_LABEL}.${name}
           COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/${name}_test.py)
  set_tests_properties(${ARG_LABEL}.${name} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT}
    SKIP_RETURN_CODE 77 PROCESSORS ${ARG_PROCESSORS} COST "${ARG_COST}"
    ENVIRONMENT "KEXP_BINARY=$<TARGET_FILE:kexp>;PYTHONPATH=${PROJECT_SOURCE_DIR}/tests/support;PYTHONDONTWRITEBYTECODE=1")
endfunction()
