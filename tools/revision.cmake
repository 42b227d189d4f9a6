# Run at every build: writes the revision of the source tree into a C file, and touches it only when it changed.
#   cmake -D SOURCE=<tree> -D OUT=<file.c> [-D REVISION=<text>] -P revision.cmake
# Whatever git cannot tell is "unknown", without a word: no git, no checkout, another user's folder ("dubious
# ownership"), a tarball unpacked inside somebody else's repository (which does not track our CMakeLists.txt).
if(NOT REVISION)
  set(REVISION "unknown")
  find_program(git git)
  if(git)
    # A build started by a hook of git inherits variables that point elsewhere; the index is left alone.
    set(ask ${CMAKE_COMMAND} -E env --unset=GIT_DIR --unset=GIT_WORK_TREE --unset=GIT_INDEX_FILE GIT_OPTIONAL_LOCKS=0
      ${git} -C ${SOURCE})
    execute_process(COMMAND ${ask} ls-files --error-unmatch CMakeLists.txt
      RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
    if(NOT failed)
      execute_process(COMMAND ${ask} rev-parse --verify --short=10 HEAD
        RESULT_VARIABLE failed OUTPUT_VARIABLE head OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    endif()
    if(NOT failed)
      execute_process(COMMAND ${ask} status --porcelain --untracked-files=no -- .
        RESULT_VARIABLE failed OUTPUT_VARIABLE changes ERROR_QUIET)
    endif()
    if(NOT failed AND head)
      set(REVISION ${head})
      if(changes)
        string(APPEND REVISION "-dirty")
      endif()
    endif()
  endif()
endif()
set(text "#include <hrm/version.h>\n\nconst char *hrm_build_revision(void) {\n    return \"${REVISION}\";\n}\n")
set(old "")
if(EXISTS "${OUT}")
  file(READ "${OUT}" old)
endif()
if(NOT "${text}" STREQUAL "${old}")
  file(WRITE "${OUT}" "${text}")
endif()
