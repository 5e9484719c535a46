/* SPDX-License-Identifier: BSD-2-Clause */
/* The OMAP3 drivers' nodes in device trees: right ones, wrong ones, and the board's own. */
#include <check.h>
#include <glob.h>
#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#include <vdev/drivers/omap3_node.h>
#include <vdev/fdt.h>
#include <vdev/status.h>

/* As on the board: a bus with an address of its own, a wrapper around the timer, two controllers.
 */
static const char *const serial_compatible = "ti,omap3-uart";
static _Alignas(8) uint8_t blob[4096];
static struct vdev_fdt tree;
static struct vdev_fdt_error error;

static void cells(const char *name, const uint32_t *values, unsigned count)
{
    fdt32_t data[8];
    for (unsigned i = 0; i < count; i++) {
        data[i] = cpu_to_fdt32(values[i]);
    }
    ck_assert_int_eq(fdt_property(blob, name, data, (int)(4 * count)), 0);
}

static void node(const char *name, const char *compatible, uint32_t address, uint32_t size)
{
    ck_assert_int_eq(fdt_begin_node(blob, name), 0);
    ck_assert_int_eq(fdt_property_string(blob, "compatible", compatible), 0);
    cells("reg", (const uint32_t[]){address, size}, 2);
}

static void number(const char *name, uint32_t value)
{
    cells(name, &value, 1);
}

static void end(void)
{
    ck_assert_int_eq(fdt_end_node(blob), 0);
}

static int write_tree(const char *serial, uint32_t size, uint32_t line, const char *status)
{
    memset(blob, 0, sizeof blob);
    memset(&error, 0, sizeof error);
    ck_assert_int_eq(fdt_create(blob, sizeof blob), 0);
    ck_assert_int_eq(fdt_finish_reservemap(blob), 0);
    ck_assert_int_eq(fdt_begin_node(blob, ""), 0);
    number("#address-cells", 1);
    number("#size-cells", 1);
    number("interrupt-parent", 1);
    ck_assert_int_eq(fdt_begin_node(blob, "ocp"), 0);
    number("#address-cells", 1);
    number("#size-cells", 1);
    ck_assert_int_eq(fdt_property(blob, "ranges", NULL, 0), 0);
    node("interrupt-controller@48200000", "ti,omap3-intc", 0x48200000, 0x1000);
    ck_assert_int_eq(fdt_property(blob, "interrupt-controller", NULL, 0), 0);
    number("#interrupt-cells", 1);
    number("phandle", 1);
    end();
    node("prm@48306000", "ti,omap3-prm", 0x48306000, 0x4000);
    end();
    node("cm@48004000", "ti,omap3-cm", 0x48004000, 0x4000);
    end();
    node("serial@49020000", serial, 0x49020000, size);
    cells("interrupts-extended", (const uint32_t[]){1, line}, 2);
    number("clock-frequency", 48000000);
    if (status != NULL) {
        ck_assert_int_eq(fdt_property_string(blob, "status", status), 0);
    }
    end();
    node("mmc@4809c000", "ti,omap3-hsmmc", 0x4809C000, 0x200);
    number("interrupts", 83);
    number("bus-width", 8);
    end();
    ck_assert_int_eq(fdt_begin_node(blob, "target-module@48318000"), 0);
    number("#address-cells", 1);
    number("#size-cells", 1);
    cells("ranges", (const uint32_t[]){0, 0x48318000, 0x1000}, 3);
    node("timer@0", "ti,omap3430-timer", 0, 0x80);
    number("interrupts", 37);
    end();
    end();
    node("gpio@48310000", "ti,omap3-gpio", 0x48310000, 0x200);
    end(); /* without interrupts */
    end();
    end();
    ck_assert_int_eq(fdt_finish(blob), 0);
    return vdev_fdt_open(&tree, blob, fdt_totalsize(blob), &error);
}

START_TEST(each_driver_finds_its_node)
{
    struct vdev_omap3_node found;
    ck_assert_int_eq(write_tree(serial_compatible, 0x400, 74, NULL), VDEV_OK);
    ck_assert_int_eq(vdev_omap3_uart_node(&tree, "/ocp/serial@49020000", &found), VDEV_OK);
    ck_assert_uint_eq(found.address, 0x49020000);
    ck_assert_uint_eq(found.size, 0x400);
    ck_assert_uint_eq(found.interrupt, 74);
    ck_assert_uint_eq(found.value, 48000000);
    ck_assert_int_eq(vdev_omap3_uart_node(&tree, NULL, &found), VDEV_OK);
    ck_assert_int_eq(vdev_omap3_hsmmc_node(&tree, NULL, &found), VDEV_OK);
    ck_assert_uint_eq(found.interrupt, 83);
    ck_assert_uint_eq(found.value, 8);
    ck_assert_int_eq(vdev_omap3_gptimer_node(&tree, NULL, &found), VDEV_OK);
    ck_assert_uint_eq(found.address, 0x48318000);
    ck_assert_uint_eq(found.interrupt, 37);
    ck_assert_int_eq(vdev_omap3_intc_node(&tree, NULL, &found), VDEV_OK);
    ck_assert_uint_eq(found.address, 0x48200000);
    ck_assert_int_eq(vdev_omap3_cm_node(&tree, NULL, &found), VDEV_OK);
    ck_assert_int_eq(vdev_omap3_prm_node(&tree, NULL, &found), VDEV_OK);
    ck_assert_uint_eq(found.address, 0x48306000);
}
END_TEST

static void check_error(int got, int expected, const char *name)
{
    ck_assert_int_eq(got, expected);
    ck_assert_int_eq(error.status, expected);
    ck_assert_msg(strstr(error.node, name) != NULL, "the error names %s, not %s", error.node, name);
    ck_assert_ptr_nonnull(error.reason);
}

START_TEST(a_node_that_does_not_fit_is_one_error_that_names_it)
{
    struct vdev_omap3_node found;
    write_tree("arm,pl011", 0x400, 74, NULL);
    check_error(vdev_omap3_uart_node(&tree, "/ocp/serial@49020000", &found), VDEV_ERROR_UNSUPPORTED,
                "serial@49020000");
    check_error(vdev_omap3_uart_node(&tree, NULL, &found), VDEV_ERROR_ABSENT, "ti,omap3-uart");
    check_error(vdev_omap3_uart_node(&tree, "/ocp/serial@4806a000", &found), VDEV_ERROR_ABSENT,
                "serial@4806a000");
    write_tree(serial_compatible, 0x10, 74, NULL);
    check_error(vdev_omap3_uart_node(&tree, NULL, &found), VDEV_ERROR_RANGE, "serial@49020000");
    write_tree(serial_compatible, 0xFFFFFFFF, 74, NULL);
    check_error(vdev_omap3_uart_node(&tree, NULL, &found), VDEV_ERROR_RANGE, "serial@49020000");
    write_tree(serial_compatible, 0x400, 96, NULL);
    check_error(vdev_omap3_uart_node(&tree, NULL, &found), VDEV_ERROR_RANGE, "serial@49020000");
    ck_assert_str_eq(error.property, "interrupts");
    write_tree(serial_compatible, 0x400, 74, "disabled");
    check_error(vdev_omap3_uart_node(&tree, "/ocp/serial@49020000", &found), VDEV_ERROR_STATE,
                "serial@49020000");
    check_error(vdev_omap3_uart_node(&tree, NULL, &found), VDEV_ERROR_ABSENT, "ti,omap3-uart");
    check_error(vdev_omap3_gpio_node(&tree, NULL, &found), VDEV_ERROR_ABSENT, "gpio@48310000");
    check_error(vdev_omap3_i2c_node(&tree, NULL, &found), VDEV_ERROR_ABSENT, "ti,omap3-i2c");
    check_error(vdev_omap3_counter_node(&tree, NULL, &found), VDEV_ERROR_ABSENT,
                "ti,omap-counter32k");
    check_error(vdev_omap3_scm_node(&tree, NULL, &found), VDEV_ERROR_ABSENT, "ti,omap3-scm");
}
END_TEST

START_TEST(a_truncated_tree_is_refused_whole)
{
    ck_assert_int_eq(write_tree(serial_compatible, 0x400, 74, NULL), VDEV_OK);
    size_t size = fdt_totalsize(blob);
    for (size_t length = 0; length < size; length += 13) {
        ck_assert_int_eq(vdev_fdt_open(&tree, blob, length, &error), VDEV_ERROR_CORRUPT);
    }
}
END_TEST

/* The board's own tree, where Debian's kernel package is at hand: setting the project up gets it.
 */
START_TEST(the_boards_own_tree_has_all_of_them)
{
    static _Alignas(8) uint8_t bytes[1 << 18];
    struct vdev_omap3_node found;
    char pattern[512];
    glob_t paths;
    int folder = (int)(strrchr(__FILE__, '/') - __FILE__);

    snprintf(pattern, sizeof pattern,
             "%.*s/../build/guest/root/usr/lib/linux-image-*/omap3-beagle.dtb", folder, __FILE__);
    if (glob(pattern, 0, NULL, &paths) != 0) {
        printf("not tested: there is no %s\n", pattern);
        return;
    }
    FILE *file = fopen(paths.gl_pathv[0], "rb");
    ck_assert_ptr_nonnull(file);
    size_t length = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    globfree(&paths);
    ck_assert_int_eq(vdev_fdt_open(&tree, bytes, length, &error), VDEV_OK);
    ck_assert_int_eq(vdev_omap3_uart_node(&tree, "serial2", &found), VDEV_OK);
    ck_assert_uint_eq(found.address, 0x49020000);
    ck_assert_uint_eq(found.interrupt, 74);
    ck_assert_uint_eq(found.value, 48000000);
    ck_assert_int_eq(vdev_omap3_hsmmc_node(&tree, "mmc0", &found), VDEV_OK);
    ck_assert_uint_eq(found.address, 0x4809C000);
    ck_assert_uint_eq(found.interrupt, 83);
    ck_assert_int_eq(vdev_omap3_i2c_node(&tree, "i2c0", &found), VDEV_OK);
    ck_assert_uint_eq(found.address, 0x48070000);
    ck_assert_int_eq(vdev_omap3_intc_node(&tree, NULL, &found), VDEV_OK);
    ck_assert_uint_eq(found.address, 0x48200000);
    ck_assert_int_eq(vdev_omap3_gptimer_node(&tree, NULL, &found), VDEV_OK);
    ck_assert_uint_eq(found.address, 0x48318000);
    ck_assert_uint_eq(found.interrupt, 37);
    ck_assert_int_eq(vdev_omap3_counter_node(&tree, NULL, &found), VDEV_OK);
    ck_assert_uint_eq(found.address, 0x48320000);
    ck_assert_int_eq(vdev_omap3_gpio_node(&tree, NULL, &found), VDEV_OK);
    ck_assert_uint_eq(found.address, 0x48310000);
    ck_assert_uint_eq(found.interrupt, 29);
    ck_assert_int_eq(vdev_omap3_cm_node(&tree, NULL, &found), VDEV_OK);
    ck_assert_uint_eq(found.address, 0x48004000);
    ck_assert_int_eq(vdev_omap3_prm_node(&tree, NULL, &found), VDEV_OK);
    ck_assert_uint_eq(found.address, 0x48306000);
    ck_assert_int_eq(vdev_omap3_scm_node(&tree, NULL, &found), VDEV_OK);
    ck_assert_uint_eq(found.address, 0x48002000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("beagle nodes");
    TCase *tests = tcase_create("nodes");
    tcase_add_test(tests, each_driver_finds_its_node);
    tcase_add_test(tests, a_node_that_does_not_fit_is_one_error_that_names_it);
    tcase_add_test(tests, a_truncated_tree_is_refused_whole);
    tcase_add_test(tests, the_boards_own_tree_has_all_of_them);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
