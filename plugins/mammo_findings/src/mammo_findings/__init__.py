"""Findings per mammographic view as a task for taskfusion: patch-pretrained MobileNet."""
