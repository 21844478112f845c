# Arrow and Parquet of the pyarrow wheel, which holds headers and libraries: PyArrow::arrow and PyArrow::parquet. It is where
# scripts/bootstrap.sh unpacks it, in the release that scripts/lib/wheels.txt pins, or in PyArrow_ROOT.
file(STRINGS ${PROJECT_SOURCE_DIR}/scripts/lib/wheels.txt pinned REGEX "^pyarrow==")
string(REGEX MATCH "[0-9.]+" PyArrow_VERSION "${pinned}")
set(cache "$ENV{XDG_CACHE_HOME}")
if(NOT cache)
  set(cache "$ENV{HOME}/.cache")
endif()

find_path(PyArrow_INCLUDE_DIR parquet/file_writer.h NO_CMAKE_SYSTEM_PATH
          PATHS ${cache}/kexp/sdk/pyarrow-${PyArrow_VERSION}/pyarrow/include)
get_filename_component(root "${PyArrow_INCLUDE_DIR}" DIRECTORY)
foreach(library IN ITEMS arrow parquet)  # their names end in a number, as libarrow.so.2600
  file(GLOB PyArrow_${library}_LIBRARY ${root}/lib${library}.so.[0-9]*)
endforeach()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(PyArrow VERSION_VAR PyArrow_VERSION
  REQUIRED_VARS PyArrow_INCLUDE_DIR PyArrow_arrow_LIBRARY PyArrow_parquet_LIBRARY)
mark_as_advanced(PyArrow_INCLUDE_DIR)

if(PyArrow_FOUND AND NOT TARGET PyArrow::parquet)
  foreach(library IN ITEMS arrow parquet)
    add_library(PyArrow::${library} SHARED IMPORTED)
    set_target_properties(PyArrow::${library} PROPERTIES
      IMPORTED_LOCATION "${PyArrow_${library}_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${PyArrow_INCLUDE_DIR}")
  endforeach()
  set_property(TARGET PyArrow::parquet PROPERTY INTERFACE_LINK_LIBRARIES PyArrow::arrow)
endif()
