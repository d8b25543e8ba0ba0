/* plugin.c - see plugin.h. A new plugin is one more line in the table. */
#include "control/plugin.h"

extern const sl_plugin sl_plugin_stdout, sl_plugin_file, sl_plugin_null;

const sl_plugin *const sl_plugins[] = {&sl_plugin_stdout, &sl_plugin_file, &sl_plugin_null, NULL};

const sl_plugin *sl_plugin_find(const char *name)
{
    for (const sl_plugin *const *p = sl_plugins; *p; p++) {
        SL_ASSERT(sl_plugin_check(*p) == 0);
        if (!strcmp((*p)->name, name))
            return *p;
    }
    return NULL;
}

sl_err sl_plugin_check(const sl_plugin *p)
{
    if (p->abi > SL_PLUGIN_ABI)
        return SL_E_NEWER;
    if (p->abi < SL_PLUGIN_ABI || p->option_size != sizeof(sl_option) ||
        p->size > sizeof(sl_plugin) || p->item_size > sizeof(sl_item) || p->kind != SL_OUTPUT)
        return SL_E_FORMAT;
    if (!p->name || !p->options || !p->output.max_in_flight || !p->output.max_bytes ||
        !p->output.encodings || !p->output.open || !p->output.send)
        return SL_E_FORMAT;
    return 0;
}
