# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue of modules."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("modules", "0001_first"),
        ("tenants", "0005_sharing"),
    ]

    operations = [
        migrations.CreateModel(
            name="Module",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("slug", models.CharField(max_length=200)),
                ("name", models.CharField(blank=True, max_length=200)),
                ("description", models.TextField(blank=True, max_length=2000)),
                ("language", models.CharField(blank=True, max_length=35)),
                ("categories", models.JSONField(blank=True, default=list)),
                ("logo", models.CharField(blank=True, max_length=500)),
                ("url", models.CharField(blank=True, max_length=500, verbose_name="URL")),
                (
                    "origin",
                    models.CharField(
                        choices=[
                            ("hand", "by hand"),
                            ("import", "from a file"),
                            ("scan", "found in folders"),
                        ],
                        max_length=6,
                    ),
                ),
                (
                    "webservice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="modules",
                        to="tenants.webservice",
                    ),
                ),
            ],
            options={
                "ordering": ("slug",),
                "constraints": [
                    models.UniqueConstraint(fields=("webservice", "slug"), name="one_module_per_slug"),
                    models.CheckConstraint(
                        condition=models.Q(("origin__in", ["hand", "import", "scan"])), name="origin_is_known"
                    ),
                ],
            },
        ),
    ]
