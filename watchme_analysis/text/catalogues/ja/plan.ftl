### 対策の計画と、その実施結果。

plan-complete = { $count } 件のステップをすべて実施し、結果を確認しました。
plan-refused = 何も変更していません: { $why }
plan-stopped = ステップ { $step } で停止しました: { $why }
plan-undone = { $why } それまでのステップは元に戻しました。
plan-undo-failed = { $why } それまでのステップを元に戻す操作も失敗しました: { $undo }
plan-undo = 取り消し: { $plan }
plan-undo-step = ステップ { $step } を元に戻します。
plan-step-done = 実施し、結果を確認しました
plan-step-settled = 中断した実行で実施済みであることを、現在の状態から確認しました
plan-step-uncertain = 中断した実行が { $call } を呼び出した可能性がありますが、実施の有無を確認できません。手作業で確認し、計画を作り直してください。
plan-call-failed = { $call } が失敗しました: { $error }
plan-differs = { $call } の { $select } は { $found } で、計画時の { $wanted } と異なります。計画を作り直してください。
plan-never = { $call } の { $select } は { $within } 待っても { $found } のままで、{ $wanted } になりません。
plan-unexpected = { $call } の応答の { $select } は { $found } で、{ $wanted } ではありません。
plan-other-place = 計画はアカウント { $planned_account }、リージョン { $planned_region } のものですが、現在のセッションはアカウント { $account }、リージョン { $region } です。
plan-reasons = 理由
plan-costs = 費用
plan-risks = リスク
plan-notes = 変更しないもの
plan-steps = ステップ { $count } 件
plan-nothing = 変更するものはありません。すでに計画どおりの状態です。
plan-how-to-apply = 適用するコマンド: { $command }
plan-undo-how = 元に戻すコマンド: { $command }
plan-no-undo = このステップを元に戻す方法はありません。
plan-step-unseen = 確認できませんでした: { $why }
plan-unseen = { $complete } ただし { $steps } の結果を確認できる動作がありませんでした。
