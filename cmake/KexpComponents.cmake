# KEXP_COMPONENTS: the commands that the binary is to have. `consume` makes the pod's: consume, and the part of `model` that works on
# files that are there, with the libraries and packages that these two need.
#
# A row lists a command's libraries with all that those link; tests/cli/components_test.py keeps it complete.
set(KEXP_COMPONENT_consume consumer inference image record stats)
set(KEXP_COMPONENT_dataset dataset image)
set(KEXP_COMPONENT_deploy manifest)
set(KEXP_COMPONENT_extract extractor prom record stats table)
set(KEXP_COMPONENT_feed feeder cycle dataset image record stats)
set(KEXP_COMPONENT_model inference image record)
set(KEXP_COMPONENT_topics)
set(KEXP_COMPONENT_track tracker record stats)
set(KEXP_ALL_COMPONENTS consume dataset deploy extract feed model topics track)
# What every command's Context is made of.
set(KEXP_COMMON_LIBRARIES core kafka net telemetry)
# The components that ask others over HTTP: without them there is no libcurl, and none of the 25 libraries behind it.
set(KEXP_HTTP_COMPONENTS extract model)

string(REPLACE ";" " " choice "${KEXP_ALL_COMPONENTS}")
set(KEXP_COMPONENTS all CACHE STRING "Commands to build: all, or a list of: ${choice}")

set(KEXP_PARTIAL ON)
set(KEXP_COMMANDS ${KEXP_COMPONENTS})
if(KEXP_COMPONENTS STREQUAL "all")
  set(KEXP_PARTIAL OFF)
  set(KEXP_COMMANDS ${KEXP_ALL_COMPONENTS})
endif()
if(NOT KEXP_COMMANDS)
  message(FATAL_ERROR "KEXP_COMPONENTS is empty: give all, or a list of: ${choice}")
endif()
foreach(component IN LISTS KEXP_COMMANDS)
  if(NOT component IN_LIST KEXP_ALL_COMPONENTS)
    message(FATAL_ERROR "KEXP_COMPONENTS: there is no component \"${component}\": give all, or a list of: ${choice}")
  endif()
endforeach()

set(KEXP_HTTP_CLIENT OFF)
foreach(component IN LISTS KEXP_HTTP_COMPONENTS)
  if(component IN_LIST KEXP_COMMANDS)
    set(KEXP_HTTP_CLIENT ON)
  endif()
endforeach()

if(KEXP_PARTIAL)
  set(needed ${KEXP_COMMON_LIBRARIES})
  foreach(component IN LISTS KEXP_COMMANDS)
    list(APPEND needed ${KEXP_COMPONENT_${component}})
  endforeach()
  set(unused ${KEXP_LIBRARIES})
  list(REMOVE_ITEM unused ${needed})
  list(REMOVE_ITEM KEXP_LIBRARIES ${unused})
  if("consume" IN_LIST KEXP_COMMANDS AND NOT "model" IN_LIST KEXP_COMMANDS)
    list(APPEND KEXP_COMMANDS model)  # A pod's model can be prepared and checked where it runs.
  endif()
endif()
