# Compiles through ccache when it is there; a precompiled header needs two of ccache's checks relaxed.
find_program(KEXP_CCACHE ccache)
mark_as_advanced(KEXP_CCACHE)
if(KEXP_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${KEXP_CCACHE})
endif()
