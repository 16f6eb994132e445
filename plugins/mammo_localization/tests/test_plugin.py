import subprocess
import sys

from mammo_localization import plugin


def test_the_plugin_names_the_task_by_path():
    (entry,) = plugin.taskfusion_tasks()
    assert (entry.name, entry.path) == ("localization", "mammo_localization.task:Localization")


def test_the_plugin_and_the_task_import_nothing_heavy():
    code = (
        "import sys, mammo_localization.plugin, mammo_localization.task as task; task.Localization().spec;"
        "print([m for m in ('keras', 'tensorflow', 'pandas', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
