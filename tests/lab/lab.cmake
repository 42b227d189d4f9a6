# The driver lab as tests (README.md): what needs nothing but this machine's packages, in every run of the suite.
#   lab/<vendor>_<chip>          every kernel row through the chip's compiler, against records/
#   lab/<vendor>_<chip>_program  the command from end to end on the chip, with submits that do nothing
#   lab/discrete_program         ... on lavapipe made to look like a graphics card, where it must work
#   lab/refusals                 devices that lack what cannot be done without, the Khronos mock driver among them, are
#                                refused by name
#   lab/two_devices              lavapipe and SwiftShader in one process
#   lab/matrices                 rows for matrix units, executed by lavapipe of Mesa 26 or newer at 256 bits
#   lab/limits, lab/fault_*      the layers' own test, and planted faults that validation must find (layer/)
#   <test>@lab-small             device tests on lavapipe cut down to what Vulkan 1.2 promises, and less
#   <test>@lab-discrete          ... made to look like a graphics card whose memory the host cannot see
#   <test>@lab-gpuav             ... under GPU-assisted validation: accesses out of bounds, and races in shared memory
# HRM_LAB_FULL=ON (run.sh) extends the last from tests of quick kernels to all kernels, models and
# training. Included last from tests/CMakeLists.txt, after matrix.cmake, whose helpers it uses.
option(HRM_LAB_FULL "Test under GPU-assisted validation what takes long, too" OFF)

function(hrm_lab_test name)
  cmake_parse_arguments(arg "" "" "COMMAND;ENVIRONMENT" ${ARGN})
  set(caches ${hrm_matrix_dir}/lab/${name})
  file(MAKE_DIRECTORY ${caches})
  add_test(NAME lab/${name} COMMAND ${arg_COMMAND})
  set_tests_properties(lab/${name} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 1200 LABELS lab
    ENVIRONMENT "XDG_CACHE_HOME=${caches};MESA_SHADER_CACHE_DIR=${caches};${arg_ENVIRONMENT}")
endfunction()

# ---- chips that are not here -----------------------------------------------------------------------------------------
set(hrm_lab_chip ${HRM_SH} ${CMAKE_CURRENT_SOURCE_DIR}/lab/chip.sh ${PROJECT_BINARY_DIR})
set(hrm_lab_program ${CMAKE_CURRENT_SOURCE_DIR}/lab/whole_program.sh ${PROJECT_BINARY_DIR})
set(hrm_lab_work ${PROJECT_BINARY_DIR}/tests/lab/work)
set(hrm_lab_chips amd/polaris10 amd/vega10 amd/renoir amd/navi10 amd/navi21 amd/navi31 amd/gfx1200 amd/gfx1201)
set(hrm_lab_programs amd/polaris10/256 amd/renoir/256 amd/navi21/0 amd/gfx1201/256)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64|i.86)$") # Intel's driver is built for nothing else
  list(APPEND hrm_lab_chips intel/skl intel/tgl intel/adl intel/dg2 intel/bmg)
  list(APPEND hrm_lab_programs intel/tgl/256 intel/dg2/256 intel/bmg/8192)
endif()
foreach(pair IN LISTS hrm_lab_chips)
  string(REPLACE "/" ";" parts ${pair})
  list(GET parts 0 vendor)
  list(GET parts 1 chip)
  hrm_lab_test(${vendor}_${chip} COMMAND ${hrm_lab_chip} ${vendor} ${chip} report)
endforeach()
# vendor/chip/MiB of the card's memory that the host can map; renoir and tgl have none of their own
foreach(entry IN LISTS hrm_lab_programs)
  string(REPLACE "/" ";" parts ${entry})
  list(GET parts 0 vendor)
  list(GET parts 1 chip)
  list(GET parts 2 visible)
  hrm_lab_test(${vendor}_${chip}_program COMMAND ${hrm_lab_chip} ${vendor} ${chip} run ${hrm_lab_program}
    ${hrm_lab_work}/${vendor}_${chip} computes-nothing ENVIRONMENT HRM_LAB_BAR_MIB=${visible})
endforeach()

# ---- devices of chromium's package -----------------------------------------------------------------------------------
find_library(HRM_MOCK_ICD NAMES VkICD_mock_icd PATHS /usr/lib/chromium /usr/lib/chromium-browser NO_DEFAULT_PATH)
set(hrm_lab_mock "")
if(HRM_MOCK_ICD)
  set(hrm_lab_mock ${hrm_matrix_dir}/mock_icd.json)
  file(WRITE ${hrm_lab_mock} "{\"file_format_version\": \"1.0.0\",
  \"ICD\": {\"library_path\": \"${HRM_MOCK_ICD}\", \"api_version\": \"1.3.0\"}}\n")
else()
  hrm_report_absent(mock HRM_REQUIRE_SWIFTSHADER "install chromium, which brings it, and configure again")
endif()
if(HRM_LAVAPIPE_ICD AND HRM_SWIFTSHADER_ICD)
  hrm_lab_test(two_devices COMMAND test_two_devices
    ENVIRONMENT "VK_ICD_FILENAMES=${HRM_LAVAPIPE_ICD}:${HRM_SWIFTSHADER_ICD};HRM_REQUIRE_TWO_DEVICES=1")
endif() # else matrix.cmake reports which is absent

# ---- matrix units on a processor ------------------------------------------------------------------------------------
if(HRM_LAVAPIPE_ICD)
  file(MAKE_DIRECTORY ${hrm_lab_work})
  hrm_lab_test(matrices COMMAND ${HRM_SH} ${CMAKE_CURRENT_SOURCE_DIR}/lab/matrices.sh ${PROJECT_BINARY_DIR}
    ENVIRONMENT "VK_ICD_FILENAMES=${HRM_LAVAPIPE_ICD}")
  set_tests_properties(lab/matrices PROPERTIES WORKING_DIRECTORY ${hrm_lab_work})
endif()

# ---- lavapipe, changed by a layer ------------------------------------------------------------------------------------
if(HRM_LAVAPIPE_ICD)
  set(hrm_lab_limits ${PROJECT_BINARY_DIR}/tests/lab/layers/limits)
  hrm_lab_test(refusals COMMAND ${HRM_SH} ${CMAKE_CURRENT_SOURCE_DIR}/lab/refusals.sh ${PROJECT_BINARY_DIR}
    ${hrm_lab_work}/refusals ${hrm_lab_mock} ENVIRONMENT "VK_ICD_FILENAMES=${HRM_LAVAPIPE_ICD};VK_LAYER_PATH=${hrm_lab_limits}")

  hrm_lab_test(limits COMMAND test_lab_limits ENVIRONMENT "VK_ICD_FILENAMES=${HRM_LAVAPIPE_ICD}"
    LP_NATIVE_VECTOR_WIDTH=256 HRM_REQUIRE_DEVICE=1 VK_LAYER_PATH=${hrm_lab_limits})

  # The validation layer, where there is one, stands above and sees the lowered limits. Order: loaders up to
  # 1.3.239 take that of the folders, newer ones that of VK_INSTANCE_LAYERS.
  set(hrm_lab_watched "VK_LAYER_PATH=${hrm_lab_limits};VK_INSTANCE_LAYERS=VK_LAYER_HRM_limits")
  if(HRM_VALIDATION_LAYER)
    set(hrm_lab_watched "VK_LAYER_PATH=${hrm_matrix_dir}/layers:${hrm_lab_limits};HRM_VALIDATION=1;HRM_TEST_VALIDATION=1"
      "VK_INSTANCE_LAYERS=VK_LAYER_KHRONOS_validation:VK_LAYER_HRM_limits")
  endif()
  set(hrm_lab_small shared=16384 invocations=128 range=134217728 texels=65536 alignment=256 sets=4 heap=64 no-subgroup
    no-size-control no-host-visible-vram no-address no-timestamps no-int64 no-f64 no-int8 no-f16 no-16bit)
  list(JOIN hrm_lab_small "," hrm_lab_small)
  set(hrm_lab_discrete type=discrete,no-host-visible-vram)
  # HRM_DEVICE: without the layer there is no device of that name, and the test fails
  set(hrm_lab_layered VK_ICD_FILENAMES=${HRM_LAVAPIPE_ICD} LP_NATIVE_VECTOR_WIDTH=256 HRM_REQUIRE_DEVICE=1
    HRM_DEVICE=limited ${hrm_lab_watched})
  foreach(test IN LISTS hrm_device_tests)
    if(NOT test STREQUAL "train/trainer_memory") # plans for more than its 64 MiB
      hrm_variant(${test} lab-small ${hrm_lab_layered} HRM_LAB_LIMITS=${hrm_lab_small})
    endif()
    hrm_variant(${test} lab-discrete ${hrm_lab_layered} HRM_LAB_LIMITS=${hrm_lab_discrete})
  endforeach()
  hrm_lab_test(discrete_program COMMAND ${hrm_lab_program} ${hrm_lab_work}/discrete ENVIRONMENT
    VK_ICD_FILENAMES=${HRM_LAVAPIPE_ICD} LP_NATIVE_VECTOR_WIDTH=256 HRM_DEVICE=limited VK_LAYER_PATH=${hrm_lab_limits}
    VK_INSTANCE_LAYERS=VK_LAYER_HRM_limits HRM_LAB_LIMITS=${hrm_lab_discrete})
endif()

# ---- validation that runs on the device, and faults planted to show what each kind of validation finds -----------------
if(HRM_LAVAPIPE_ICD AND HRM_VALIDATION_LAYER)
  # Of each operation the rows for graphics cards: instrumented, those made for processors take minutes to compile. Muted:
  # what the layer says of its own settings and of the time it takes.
  set(hrm_lab_muted VALIDATION-SETTINGS WARNING-Setting-Limit-Adjusted GPUAV-Compile-time-general-buffer)
  list(JOIN hrm_lab_muted "," hrm_lab_muted)
  set(hrm_lab_assisted VK_VALIDATION_GPUAV_ENABLE=1 VK_VALIDATION_GPUAV_SHARED_MEMORY_DATA_RACE=1
    VK_VALIDATION_VALIDATE_CORE=0 VK_VALIDATION_MESSAGE_ID_FILTER=${hrm_lab_muted} HRM_TEST_SLOW=1 HRM_DISABLE=cpu)
  set(hrm_lab_assisted_tests ${hrm_checked_tests})
  if(NOT HRM_LAB_FULL)
    list(FILTER hrm_lab_assisted_tests INCLUDE REGEX "^ops/")
    list(FILTER hrm_lab_assisted_tests EXCLUDE REGEX "^ops/(matmul|attention|select|golden.*)$")
  endif()
  foreach(test IN LISTS hrm_lab_assisted_tests)
    hrm_variant(${test} lab-gpuav VK_ICD_FILENAMES=${HRM_LAVAPIPE_ICD} LP_NATIVE_VECTOR_WIDTH=256 HRM_REQUIRE_DEVICE=1
      VK_LAYER_PATH=${hrm_matrix_dir}/layers HRM_VALIDATION=1 HRM_TEST_VALIDATION=1 ${hrm_lab_assisted})
  endforeach()

  # Each fault with the test that meets it soonest, and the settings of the runs that should find its like.
  function(hrm_lab_fault fault op)
    hrm_lab_test(fault_${fault} COMMAND ${HRM_SH} ${CMAKE_CURRENT_SOURCE_DIR}/lab/layer/planted_fault.sh ${fault}
      $<TARGET_FILE:test_ops_${op}> ENVIRONMENT VK_ICD_FILENAMES=${HRM_LAVAPIPE_ICD} LP_NATIVE_VECTOR_WIDTH=256
      HRM_REQUIRE_DEVICE=1 VK_LAYER_PATH=${PROJECT_BINARY_DIR}/tests/lab/layers/faults:${hrm_matrix_dir}/layers ${ARGN})
  endfunction()
  hrm_lab_fault(barrier reduce ${hrm_sync_checks})
  hrm_lab_fault(workgroup elementwise ${hrm_sync_checks})
  hrm_lab_fault(store elementwise ${hrm_lab_assisted})
  hrm_lab_fault(race reduce ${hrm_lab_assisted})
endif()
