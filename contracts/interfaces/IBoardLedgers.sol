// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title What a job board stands on, for ever
interface IBoardLedgers {
    function ESCROW() external view returns (address);
    function VAULT() external view returns (address);
    function REGISTRY() external view returns (address);
    function REPUTATION() external view returns (address);
    function PARAMETERS() external view returns (address);
    function BEACON() external view returns (address);
}
