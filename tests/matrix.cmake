# The device tests again, on each software driver and setting there is:
#   <test>@lavapipe-w128, -w256, -w512   gpu, ops, model and train tests at 4, 8 and 16 lanes per subgroup
#   <test>@swiftshader                   ops and golden tests on the weakest device there is (Debian: chromium)
#   <test>@validation                    ops, model and train tests with the newer validation layer and its sync checks
# Variants leave out (visibly) the 16-bit runs of golden_block and golden_eval, which golden_step makes there: 16 bits are
# slow on processors.
# A driver that is not installed is reported by one skipped test <driver>/absent, which HRM_REQUIRE_DEVICE=1 (lavapipe) or
# HRM_REQUIRE_SWIFTSHADER=1 (SwiftShader, validation) turns into a failure. Every variant has its own caches in the build
# folder: the shader caches of Mesa before 26 do not know the vector width. Included from
# tests/CMakeLists.txt after all other tests; lab/lab.cmake adds its own variants of them.
find_file(HRM_LAVAPIPE_ICD NAMES lvp_icd.x86_64.json lvp_icd.aarch64.json lvp_icd.json lvp_icd.i686.json
  PATHS /usr/share/vulkan/icd.d /usr/local/share/vulkan/icd.d /etc/vulkan/icd.d NO_DEFAULT_PATH)
find_file(HRM_SWIFTSHADER_ICD NAMES vk_swiftshader_icd.json
  PATHS /usr/lib/chromium /usr/lib/chromium-browser /usr/lib64/chromium-browser /opt/google/chrome NO_DEFAULT_PATH)
find_file(HRM_VALIDATION_LAYER NAMES libVkLayer_khronos_validation.so
  PATHS /usr/lib/chromium /usr/lib/chromium-browser /usr/lib64/chromium-browser NO_DEFAULT_PATH)
find_program(HRM_SH sh)
set(hrm_matrix_dir ${PROJECT_BINARY_DIR}/tests/matrix)

# Adds `test`@`variant`, the same executable with other environment variables.
function(hrm_variant test variant)
  string(REPLACE "/" "_" target "test_${test}")
  if(NOT TARGET ${target})
    return()
  endif()
  set(caches ${hrm_matrix_dir}/${variant})
  file(MAKE_DIRECTORY ${caches}/mesa)
  get_test_property(${test} LABELS labels)
  set(cost "")
  if(test MATCHES "^ops/(matmul|attention)$|golden") # the long ones first: no idle core at the end
    set(cost COST 100)
  endif()
  add_test(NAME ${test}@${variant} COMMAND ${target})
  set_tests_properties(${test}@${variant} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 1200 LABELS "${labels};${variant}"
    ${cost} ENVIRONMENT "HRM_TEST_VARIANT=1;XDG_CACHE_HOME=${caches};MESA_SHADER_CACHE_DIR=${caches}/mesa;${ARGN}")
endfunction()

function(hrm_report_absent driver variable advice)
  add_test(NAME ${driver}/absent COMMAND ${HRM_SH} -c
    "echo '${driver} was not found: ${advice}'; test \"$${variable}\" != 1 && exit 77; exit 1")
  set_tests_properties(${driver}/absent PROPERTIES SKIP_RETURN_CODE 77 LABELS ${driver})
endfunction()

get_property(hrm_all_tests DIRECTORY PROPERTY TESTS)
set(hrm_device_tests "")  # what a driver may change
set(hrm_kernel_tests "")  # of those, what weak drivers must pass too
set(hrm_checked_tests "") # of those, what the validation layer watches
foreach(test IN LISTS hrm_all_tests)
  if(test MATCHES "@" OR test MATCHES "^model/(config|inner_reference)$"
     OR test MATCHES "^train/(schedule|dataset_kind|recipe|recipe_file|row_cache)$")
    continue() # variants; no device
  endif()
  if(test MATCHES "^(gpu|ops|model|train)/")
    list(APPEND hrm_device_tests ${test})
  endif()
  if(test MATCHES "^ops/" OR test MATCHES "golden")
    list(APPEND hrm_kernel_tests ${test})
  endif()
  if(test MATCHES "^(ops|model|train)/")
    list(APPEND hrm_checked_tests ${test})
  endif()
endforeach()

if(HRM_LAVAPIPE_ICD)
  foreach(width 128 256 512)
    foreach(test IN LISTS hrm_device_tests)
      hrm_variant(${test} lavapipe-w${width} VK_ICD_FILENAMES=${HRM_LAVAPIPE_ICD}
        LP_NATIVE_VECTOR_WIDTH=${width} HRM_REQUIRE_DEVICE=1)
    endforeach()
  endforeach()
else()
  hrm_report_absent(lavapipe HRM_REQUIRE_DEVICE "install mesa-vulkan-drivers and configure again")
endif()

if(HRM_SWIFTSHADER_ICD)
  foreach(test IN LISTS hrm_kernel_tests)
    hrm_variant(${test} swiftshader VK_ICD_FILENAMES=${HRM_SWIFTSHADER_ICD}
      HRM_REQUIRE_DEVICE=1)
  endforeach()
else()
  hrm_report_absent(swiftshader HRM_REQUIRE_SWIFTSHADER "install chromium and configure again")
endif()

if(HRM_VALIDATION_LAYER AND HRM_LAVAPIPE_ICD)
  file(MAKE_DIRECTORY ${hrm_matrix_dir}/layers)
  file(WRITE ${hrm_matrix_dir}/layers/validation.json "{
  \"file_format_version\": \"1.2.0\",
  \"layer\": {
    \"name\": \"VK_LAYER_KHRONOS_validation\",
    \"type\": \"GLOBAL\",
    \"library_path\": \"${HRM_VALIDATION_LAYER}\",
    \"api_version\": \"1.3.250\",
    \"implementation_version\": \"1\",
    \"description\": \"Khronos validation layer\",
    \"instance_extensions\": [
      {\"name\": \"VK_EXT_debug_utils\", \"spec_version\": \"2\"},
      {\"name\": \"VK_EXT_validation_features\", \"spec_version\": \"5\"}
    ]
  }
}
")
  set(hrm_sync_checks VK_VALIDATION_VALIDATE_SYNC=1 VK_VALIDATION_SYNCVAL_SHADER_ACCESSES_HEURISTIC=1
    VK_KHRONOS_VALIDATION_VALIDATE_SYNC=1 VK_KHRONOS_VALIDATION_SYNCVAL_SHADER_ACCESSES_HEURISTIC=1)
  foreach(test IN LISTS hrm_checked_tests)
    hrm_variant(${test} validation VK_ICD_FILENAMES=${HRM_LAVAPIPE_ICD} VK_LAYER_PATH=${hrm_matrix_dir}/layers
      HRM_VALIDATION=1 HRM_TEST_VALIDATION=1 ${hrm_sync_checks} LP_NATIVE_VECTOR_WIDTH=256 HRM_REQUIRE_DEVICE=1)
  endforeach()
else()
  hrm_report_absent(validation HRM_REQUIRE_SWIFTSHADER "install chromium, whose layer is newer than Debian's, and configure again")
endif()
