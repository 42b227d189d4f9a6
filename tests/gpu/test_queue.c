/* What the queue says when a driver gives up: device lost, timeouts. The failing calls are put into the device's own
 * function table, so that no real driver has to be broken. */
#include "helper_device.h"

#include "gpu/device_private.h"

static VKAPI_ATTR VkResult VKAPI_CALL lost_submit(VkQueue queue, uint32_t count, const VkSubmitInfo *submits,
                                                  VkFence fence) {
    (void)queue;
    (void)count;
    (void)submits;
    (void)fence;
    return VK_ERROR_DEVICE_LOST;
}

static VKAPI_ATTR VkResult VKAPI_CALL slow_wait(VkDevice device, const VkSemaphoreWaitInfo *info, uint64_t timeout) {
    (void)device;
    (void)info;
    return timeout == UINT64_MAX ? VK_ERROR_DEVICE_LOST : VK_TIMEOUT;
}

static hrm_program *make_program(hrm_device *device, hrm_buffer *buffer) {
    hrm_recorder *rec = NULL;
    hrm_program *program = NULL;
    CHECK_OK(hrm_recorder_create(device, &rec));
    record_scale(rec, hrm_buffer_span(buffer), hrm_buffer_span(buffer), 2.0f);
    CHECK_OK(hrm_recorder_end(rec, &program));
    hrm_recorder_destroy(rec);
    return program;
}

static void test_lost_at_submit(void **state) {
    (void)state;
    hrm_device *device = open_device(NULL, "");
    hrm_buffer *buffer = make_buffer(device, 100, "b");
    hrm_program *program = make_program(device, buffer);
    device->vk.vkQueueSubmit = lost_submit;
    CHECK_STATUS(hrm_program_submit(program, NULL), HRM_ERR_DEVICE);
    CHECK_ERROR_HAS("vkQueueSubmit returned VK_ERROR_DEVICE_LOST");
    CHECK_ERROR_HAS("close the device");
    /* everything after says so too, and cleaning up still works */
    float value = 0.0f;
    CHECK_STATUS(hrm_queue_upload(device, (hrm_span){buffer, 0, 4}, &value), HRM_ERR_DEVICE);
    CHECK_ERROR_HAS("was lost earlier");
    CHECK_STATUS(hrm_queue_download(device, (hrm_span){buffer, 0, 4}, &value), HRM_ERR_DEVICE);
    hrm_program_destroy(program);
    hrm_buffer_destroy(buffer);
    hrm_device_close(device);
}

static void test_timeout_and_loss_while_waiting(void **state) {
    (void)state;
    hrm_device *device = open_device(NULL, "");
    hrm_buffer *buffer = make_buffer(device, 100, "b");
    hrm_program *program = make_program(device, buffer);
    hrm_ticket ticket = 0;
    CHECK_OK(hrm_program_submit(program, &ticket));
    PFN_vkWaitSemaphores real = device->vk.vkWaitSemaphores;
    device->vk.vkWaitSemaphores = slow_wait;
    CHECK_STATUS(hrm_queue_wait(device, ticket, 5), HRM_ERR_DEVICE);
    CHECK_ERROR_HAS("is not done after 5 ms");
    device->vk.vkWaitSemaphores = real;
    CHECK_OK(hrm_queue_wait(device, ticket, 60000)); /* a timeout is not a loss */
    CHECK_OK(hrm_program_submit(program, &ticket));
    device->vk.vkWaitSemaphores = slow_wait;
    CHECK_STATUS(hrm_queue_wait(device, ticket, 0), HRM_ERR_DEVICE);
    CHECK_ERROR_HAS("vkWaitSemaphores returned VK_ERROR_DEVICE_LOST");
    CHECK_STATUS(hrm_program_submit(program, &ticket), HRM_ERR_DEVICE);
    device->vk.vkWaitSemaphores = real;
    device->queue.lost = false; /* it was a lie: let the real work end before its memory goes */
    hrm_program_destroy(program);
    hrm_buffer_destroy(buffer);
    hrm_device_close(device);
}

int main(void) {
    watch_log();
    hrm_device *probe = open_device(NULL, "");
    hrm_device_close(probe);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lost_at_submit),
        cmocka_unit_test(test_timeout_and_loss_while_waiting),
    };
    return cmocka_run_group_tests_name("gpu/queue", tests, NULL, NULL);
}
